"""Tables of colors looked up by FFmpeg, against the same done in PyTorch."""

import numpy as np
import torch

from impasto.grading.lut import Lut, identity
from impasto.imaging.video.lookup import ColorTable


def test_identity_is_exact():
    pixels = np.random.default_rng(0).integers(0, 256, (64, 48, 3), np.uint8)
    assert (ColorTable(identity(5).table.reshape(-1, 3).numpy()).of_pixels(pixels) == pixels).all()


def test_agrees_with_tetrahedral_interpolation():
    lut = Lut(torch.rand(9, 9, 9, 3))
    pixels = np.random.default_rng(1).integers(0, 256, (64, 48, 3), np.uint8)
    image = torch.from_numpy(pixels).permute(2, 0, 1).float() / 255
    expected = lut(image).mul(255).round().permute(1, 2, 0).numpy()
    difference = np.abs(ColorTable(lut.table.reshape(-1, 3).numpy()).of_pixels(pixels) - expected)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.01

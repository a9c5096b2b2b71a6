"""Frames of bytes, as videos have them, to images of floats and back."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from impasto.imaging.video.clip import Pixels


def as_image(pixels: Pixels) -> Tensor:
    """(H, W, 3) to (3, H, W) float32 in [0, 1]."""
    return torch.from_numpy(np.divide(pixels, 255, dtype=np.float32)).permute(2, 0, 1)


def as_pixels(image: Tensor) -> Pixels:
    """(3, H, W), which need not be clamped, to (H, W, 3)."""
    levels = image.clamp(0, 1).mul(255).round().byte()
    pixels: Pixels = levels.permute(1, 2, 0).contiguous().cpu().numpy()
    return pixels

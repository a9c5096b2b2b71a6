"""What lower precision costs is measured where it shows."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from impasto.export.quality import compare, psnr
from tests.export.conftest import Family


def test_psnr() -> None:
    image = torch.full((1, 3, 8, 8), 0.5)
    assert psnr(image, image) == math.inf
    assert psnr(image + 0.1, image) == pytest.approx(20, abs=1e-3)
    assert psnr(image * torch.nan, image) == -math.inf


def test_the_same_painter_costs_nothing(family: Family, batch: Tensor) -> None:
    photos = [photo[None] for photo in torch.nn.functional.interpolate(batch, (96, 128))]
    quality = compare(torch.clone, torch.clone, photos, [(family["night"], 1.0)])
    assert quality.psnr == math.inf and quality.photos == 2
    assert quality.style[0] == quality.style[1] and quality.content == (0, 0)


def test_noise_costs_style_and_content(family: Family, batch: Tensor) -> None:
    photos = [photo[None] for photo in torch.nn.functional.interpolate(batch, (96, 128))]
    noise = 0.1 * torch.randn(photos[0].shape, generator=torch.Generator().manual_seed(1))
    quality = compare(lambda photo: photo + noise, torch.clone, photos, [(family["night"], 1.0)])
    assert quality.worst <= quality.psnr == pytest.approx(20, abs=0.3)
    assert not quality.of_work and quality.style[0] < 1e-3 < 0.05 < quality.style[1]
    assert quality.content[1] > 0.1 > quality.content[0]


def test_a_work_that_ships_is_the_target(family: Family, batch: Tensor) -> None:
    photos = [torch.nn.functional.interpolate(batch[:1], (96, 128))]
    starry = replace(family["night"], style="starry-night")
    quality = compare(torch.clone, torch.clone, photos, [(starry, 1.0)])
    assert quality.of_work and quality.style[0] > 0.1

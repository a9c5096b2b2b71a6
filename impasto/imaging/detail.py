"""Fine structure of a photo, given back to what was painted of it."""

from __future__ import annotations

from math import ceil

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.imaging.color_transfer import luma
from impasto.imaging.geometry import resize

_SCALES = (1.0, 2.0)  # pixels, deviations of the blurs between which bands lie
_WINDOW = 2.0  # scales, deviation of the window in which a band's energy is measured
_FAVOUR = 2.0  # the photo's structure counts as this many times as strong as the strokes
_NOISE = 0.01  # of luma: weaker structure stays away
_FLAT = 1e-3  # variance of luma below which the photo counts as flat
_CUT = 3.0  # deviations at which a blur ends

# pixels around a part of a picture that its result depends on: every blur is of the one before
HALO = sum(ceil(_CUT * scale) for scale in _SCALES) + ceil(_CUT * _WINDOW * _SCALES[-1])


def return_detail(picture: Tensor, photo: Tensor, amount: float) -> Tensor:
    """Return the fine structure of a photo to a picture, in the picture's own colors.

    Bands of the two lumas' Laplacian stacks are fused, weighted by their energies around each pixel (after
    Burt & Kolczynski 1993): where the photo has structure it takes the place of the picture's, so that
    nothing is outlined twice; where it is flat, strokes stay as they are.

    Args:
        picture, photo: (3, H, W) or (N, 3, H, W) in [0, 1], of one size.
        amount: from 0, the picture itself, to 1.

    Returns:
        The shape of `picture`, in [0, 1]. A part of a picture comes out as in the whole, but for HALO pixels
        along its edges.
    """
    if amount == 0:
        return picture
    painted, seen = luma(picture), luma(photo)
    change = torch.zeros_like(painted)
    for scale in _SCALES:
        coarse_painted, coarse_seen = _blurred(painted, scale), _blurred(seen, scale)
        strokes, structure = painted - coarse_painted, seen - coarse_seen
        change += _weight(strokes, structure, _WINDOW * scale) * (structure - strokes)
        painted, seen = coarse_painted, coarse_seen
    return (picture + amount * change).clamp(0, 1)


def enlarge_along(picture: Tensor, photo: Tensor) -> Tensor:
    """Enlarge a picture along the edges of the photo that it was made of.

    A fast guided filter (He & Sun 2015): around each pixel the picture is a linear function of the photo's
    luma, which also holds for the photo's luma at full size.

    Args:
        picture: (3, h, w) in [0, 1].
        photo: (3, H, W) in [0, 1].

    Returns:
        (3, H, W) in [0, 1]; a larger picture is reduced, and one of that size is returned as it is.
    """
    size, small = (photo.shape[1], photo.shape[2]), (picture.shape[1], picture.shape[2])
    if max(small) >= max(size):
        return resize(picture[None], size)[0]
    guide, paint = luma(photo)[None], picture[None]
    seen = resize(guide, small)
    mean_guide, mean_paint = _box(seen), _box(paint)
    variance = _box(seen * seen) - mean_guide * mean_guide
    slope = (_box(seen * paint) - mean_guide * mean_paint) / (variance + _FLAT)
    fine = guide - resize(seen, size)
    slope = F.interpolate(slope, size=size, mode="bilinear", align_corners=False)
    return (resize(paint, size) + slope * fine)[0].clamp(0, 1)


def _box(image: Tensor) -> Tensor:
    """Mean over 5 x 5 pixels, fewer at the border."""
    return F.avg_pool2d(image, 5, stride=1, padding=2, count_include_pad=False)


def _weight(strokes: Tensor, structure: Tensor, window: float) -> Tensor:
    """Share of the photo's frequency band that replaces the picture's, in [0, 1)."""
    painted, seen = _blurred(strokes.square(), window), _blurred(structure.square(), window)
    return seen / (seen + painted / _FAVOUR**2 + _NOISE**2)


def _blurred(image: Tensor, deviation: float) -> Tensor:
    """(..., 1, H, W) under a Gaussian; borders are repeated."""
    reach = ceil(_CUT * deviation)
    steps = torch.arange(-reach, reach + 1, dtype=image.dtype, device=image.device)
    kernel = torch.softmax(-steps.square() / (2 * deviation**2), 0)
    wide = F.pad(image.reshape(-1, *image.shape[-3:]), [reach] * 4, mode="replicate")
    blurred = F.conv2d(F.conv2d(wide, kernel.view(1, 1, 1, -1)), kernel.view(1, 1, -1, 1))
    return blurred.view_as(image)

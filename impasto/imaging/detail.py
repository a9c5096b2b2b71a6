"""Fine structure of a photo, given back to what was painted of it."""

from __future__ import annotations

from math import ceil

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.imaging.color_transfer import luma

_SCALES = (1.0, 2.0)  # pixels, deviations of the blurs between which bands lie
_WINDOW = 2.0  # scales, deviation of the window in which a band's energy is measured
_FAVOUR = 2.0  # the photo's structure counts as this many times as strong as the strokes
_NOISE = 0.01  # of luma: weaker structure stays away
_CUT = 3.0  # deviations at which a blur ends

# pixels around a part of a picture that its result depends on: every blur is of the one before
HALO = sum(ceil(_CUT * scale) for scale in _SCALES) + ceil(_CUT * _WINDOW * _SCALES[-1])


def return_detail(picture: Tensor, photo: Tensor, amount: float) -> Tensor:
    """Return the fine structure of a photo to a picture, in the picture's own colours.

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


def _weight(strokes: Tensor, structure: Tensor, window: float) -> Tensor:
    """How much of the photo's band replaces the picture's, in [0, 1)."""
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

"""Large-scale light and color of a photo, given back to what was painted of it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.imaging.color_transfer import color_moments, map_colors

_CELL = 16  # pixels: clouds of a network are larger, its strokes are smaller

# pixels around a part of a picture that its result depends on: means of neighboring cells are interpolated
HALO = 2 * _CELL


def return_light(
    picture: Tensor,
    photo: Tensor,
    amount: float,
    *,
    seen: tuple[Tensor, Tensor] | None = None,
    alpha: Tensor | None = None,
    offset: tuple[int, int] = (0, 0),
) -> Tensor:
    """Return the large-scale light and color of a photo to a picture, in the picture's own range of colors.

    The means of cells of 16 x 16 pixels move towards those of the photo, whose colors are mapped to the mean
    and covariance of the picture's (`color_transfer.map_colors`), and everything finer stays.

    Args:
        picture, photo: (3, H, W) or (N, 3, H, W) in [0, 1], of one size.
        amount: from 0, the picture itself, to 1.
        seen, alpha: as for `color_transfer.keep_color`.
        offset: row and column of the first pixel, where the arguments are parts of larger pictures.

    Returns:
        The shape of `picture`, in [0, 1]. A part of a picture comes out as in the whole, but for HALO pixels
        along its edges.
    """
    if amount == 0:
        return picture
    painted, original = (color_moments(part, alpha) for part in seen or (picture, photo))
    wanted = map_colors(cell_means(photo, offset), original, painted).clamp(0, 1)
    return replace_light(picture, wanted, amount, offset=offset).clamp(0, 1)


def replace_light(
    picture: Tensor, wanted: Tensor, amount: float, *, offset: tuple[int, int] = (0, 0)
) -> Tensor:
    """Move the means of cells towards wanted ones, which are as `cell_means` returns them; not clamped."""
    change = wanted - cell_means(picture, offset)
    return picture + amount * _enlarged(change, picture, offset)


def cell_means(image: Tensor, offset: tuple[int, int] = (0, 0)) -> Tensor:
    """Mean over each cell of the part of it that is there, (..., 3, rows, columns)."""
    (top, left), (height, width) = _starts(offset), image.shape[-2:]
    margins = (left, -(left + width) % _CELL, top, -(top + height) % _CELL)
    covered = F.avg_pool2d(F.pad(torch.ones_like(image[..., :1, :, :]), margins), _CELL)
    return F.avg_pool2d(F.pad(image, margins), _CELL) / covered


def _enlarged(cells: Tensor, image: Tensor, offset: tuple[int, int]) -> Tensor:
    """Interpolate between the centers of cells, for each pixel of the image."""
    (top, left), (height, width) = _starts(offset), image.shape[-2:]
    batch = cells.reshape(-1, *cells.shape[-3:])
    whole = F.interpolate(batch, scale_factor=_CELL, mode="bilinear", align_corners=False)
    return whole[..., top : top + height, left : left + width].reshape(image.shape)


def _starts(offset: tuple[int, int]) -> tuple[int, int]:
    """Distance of the first pixel from the start of its cell, down and to the right."""
    return offset[0] % _CELL, offset[1] % _CELL

"""Statistics shared by all tiles of a picture, from the whole or from crops spread over it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import prod

import torch
from torch import Tensor

from impasto.device import available_memory
from impasto.imaging.sources import ImageSource
from impasto.networks.statistics import Statistics
from impasto.stylizing.resampling import Box, Size, needed, resampled, whole

WHOLE_BYTES = 1 << 30  # what takes no more is painted whole, and so are its statistics
_CROP = 256  # pixels: smaller ones are ruled by their borders
_MOST_CROPS = 64
_CROPS_BYTES = 768 << 20
_COLORS = 1 << 16  # pixels that colors are taken from


@dataclass(frozen=True)
class Known:
    """Statistics shared by all tiles of a picture.

    Attributes:
        statistics: for each ensemble, those of each network.
        backdrop: (3, 1, 1), the color to take for colors that alpha hides wholly; None if nothing hides.
        colors: of picture and photo, (3, n, 1) of pixels from all over them; None where nobody asks.
        alpha: (1, n, 1), of the same pixels.
    """

    statistics: tuple[tuple[Statistics, ...], ...]
    backdrop: Tensor | None
    colors: tuple[Tensor, Tensor] | None = None
    alpha: Tensor | None = None


@dataclass(frozen=True)
class CropView:
    """A photo as networks see it: resized, and with a backdrop where nothing can be seen."""

    source: ImageSource
    size: Size
    backdrop: Tensor | None = None

    def region(self, box: Box) -> Tensor:
        """(3 or 4, h, w) in [0, 1], by the source in the order of boxes."""
        place = needed(box, self.size, self.source.size)
        planes = filled(self.source.region(*place), self.backdrop)
        return resampled(planes, place, self.source.size, box, self.size)


def is_small(size: Size, per_pixel: float, device: torch.device) -> bool:
    """Return whether a picture may be painted whole."""
    return per_pixel * prod(size) <= min(WHOLE_BYTES, available_memory(device))


def crops_of(size: Size, per_pixel: float, device: torch.device) -> list[Box]:
    """The whole of a picture that is small, or boxes of one size from top to bottom, spread evenly."""
    if is_small(size, per_pixel, device):
        return [whole(size)]
    (height, width), count = size, most_crops(per_pixel)
    down = max(1, min(round((count * height / width) ** 0.5), count, -(-height // _CROP)))
    tops, high = _spread(height, down)
    lefts, wide = _spread(width, min(count // down, -(-width // _CROP)))
    return [(top, left, top + high, left + wide) for top, left in product(tops, lefts)]


def most_crops(per_pixel: float) -> int:
    """Number of crops that fit in their share of memory."""
    return max(1, min(_MOST_CROPS, int(_CROPS_BYTES / per_pixel) // _CROP**2))


def find_backdrop(source: ImageSource, boxes: list[Box], size: Size) -> Tensor | None:
    """(3, 1, 1), the mean of the colors that can be seen there; None where all can be seen, or nothing.

    Boxes are of the photo resized to `size`.
    """
    if source.channels < 4:
        return None
    total, weight = torch.zeros(3), torch.zeros(())
    for box in boxes:
        planes = source.region(*needed(box, size, source.size))
        total += (planes[:3] * planes[3:]).sum((1, 2))
        weight += planes[3:].sum()
    return (total / weight).view(3, 1, 1) if weight > 0 else None


def filled(planes: Tensor, backdrop: Tensor | None) -> Tensor:
    """(3 or 4, h, w), with the backdrop where nothing can be seen."""
    if backdrop is None:
        return planes
    return torch.cat([torch.where(planes[3:] > 0, planes[:3], backdrop), planes[3:]])


def some_colors(planes: Tensor) -> Tensor:
    """(C, n, 1): pixels of (N, C, h, w), evenly from all over it."""
    colors = planes.transpose(0, 1).flatten(1)
    return colors[:, :: -(-colors.shape[1] // _COLORS), None]


def _spread(length: int, count: int) -> tuple[list[int], int]:
    """Starts and length of crops, each in the middle of its share of a length."""
    crop, share = min(_CROP, length), length / count
    starts = (round((index + 0.5) * share - crop / 2) for index in range(count))
    return [min(max(start, 0), length - crop) for start in starts], crop

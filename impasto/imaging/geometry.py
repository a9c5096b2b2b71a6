"""Sizes, and pictures brought to them, whole or in parts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.errors import UsageError

Size = tuple[int, int]  # height, width
Box = tuple[int, int, int, int]  # top, left, bottom, right

_REACH = 2.0  # pixels, of the cubic kernel
_A = -0.5  # its parameter, as where aliasing is suppressed


def fit_long_side(size: tuple[int, int], long_side: int) -> tuple[int, int]:
    """Scale (height, width) to this long side, at least one pixel each way."""
    factor = long_side / max(size)
    height, width = (max(1, round(length * factor)) for length in size)
    return height, width


def scale_ladder(
    long_side: int, scales: int | Sequence[int] | None = None, first: int = 128
) -> tuple[int, ...]:
    """List growing long sides in pixels that end in `long_side`.

    None doubles from `first`; a number gives that many rungs, each half the next; a sequence is taken as it
    is, and `long_side` is appended where it does not end so. Raises UsageError if it does not grow.
    """
    if scales is None:
        rungs = [long_side]
        while rungs[0] > first * 1.5:
            rungs.insert(0, max(first, round(rungs[0] / 2)))
        return tuple(rungs)
    if isinstance(scales, int):
        if not 1 <= scales <= long_side.bit_length():
            raise UsageError(
                f"{scales} scales do not fit {long_side} pixels: choose 1 to {long_side.bit_length()}"
            )
        return tuple(max(1, round(long_side / 2**step)) for step in reversed(range(scales)))
    rungs = [*scales] if scales and scales[-1] == long_side else [*scales, long_side]
    if min(rungs) < 1 or any(a >= b for a, b in pairwise(rungs)):
        raise UsageError(
            f"scales must grow from at least 1 to the size, {long_side}, not {', '.join(map(str, scales))}"
        )
    return tuple(rungs)


def split_iterations(total: int, rungs: int, ratio: float = 0.6) -> tuple[int, ...]:
    """Split iterations among scales, coarse first, at least one each.

    Beyond that one, the first two scales have equal shares, and each later one `ratio` of the one before.
    """
    if total < rungs:
        raise UsageError(f"{total} iterations do not suffice for {rungs} scales: give at least {rungs}")
    sums = [0.0, *accumulate(ratio ** max(0, rung - 1) for rung in range(rungs))]
    marks = [round((total - rungs) * part / sums[-1]) for part in sums]  # what is left after one each
    return tuple(1 + end - start for start, end in pairwise(marks))


def resize(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize (N, C, H, W), bicubic without aliasing; clamped to [0, 1] if its size changes."""
    if tuple(image.shape[2:]) == tuple(size):
        return image
    return F.interpolate(image, size=size, mode="bicubic", antialias=True).clamp(0, 1)


def whole(size: Size) -> Box:
    """Box of a whole picture."""
    return 0, 0, *size


def grown(box: Box, by: int, size: Size, step: int = 1) -> Box:
    """Grow a box by some pixels, within the picture; its corner is at multiples of `step`."""
    top, left, bottom, right = box
    start = (max(0, top - by) // step * step, max(0, left - by) // step * step)
    return *start, min(size[0], bottom + by), min(size[1], right + by)


def hull(one: Box, other: Box) -> Box:
    """Smallest box that contains both."""
    starts = (min(pair) for pair in zip(one[:2], other[:2], strict=True))
    ends = (max(pair) for pair in zip(one[2:], other[2:], strict=True))
    top, left, bottom, right = *starts, *ends
    return top, left, bottom, right


def crop(part: Tensor, place: Box, box: Box) -> Tensor:
    """Cut a box, (..., h, w), out of the part of a picture at `place`."""
    down, across = place[:2]
    return part[..., box[0] - down : box[2] - down, box[1] - across : box[3] - across]


def needed(box: Box, size: Size, before: Size) -> Box:
    """Box of a picture of size `before` that a box depends on after resizing to `size`."""
    if size == before:
        return box
    (top, bottom), (left, right) = (
        _span(box[axis], box[axis + 2], size[axis], before[axis]) for axis in (0, 1)
    )
    return top, left, bottom, right


def resampled(part: Tensor, place: Box, before: Size, box: Box, size: Size) -> Tensor:
    """Resize a part of a picture to a box of the result, bicubic, as `imaging.geometry.resize` does it.

    Args:
        part: (..., h, w) in [0, 1], that lies at `place` in a picture of size `before`, and holds what
            `needed` tells.
        box: what is wanted of the picture at `size`.
    """
    if size == before:
        return crop(part, place, box)
    rows, columns = (
        _weights(box[axis], box[axis + 2], size[axis], before[axis], place[axis], part.shape[axis - 2])
        for axis in (0, 1)
    )
    return (rows.to(part) @ part @ columns.to(part).mT).clamp(0, 1)


def _span(start: int, end: int, length: int, before: int) -> tuple[int, int]:
    """First and last position, along a length, that the kernels of pixels `start` to `end` cover."""
    scale = before / length
    reach = _REACH * max(scale, 1)
    first = int(scale * (start + 0.5) - reach + 0.5)
    return max(0, first), min(before, int(scale * (end - 0.5) + reach + 0.5))


def _weights(start: int, end: int, length: int, before: int, offset: int, count: int) -> Tensor:
    """(end - start, count): how much each pixel counts of those that begin at `offset`."""
    scale = before / length
    stretch = max(scale, 1)
    centers = scale * (torch.arange(start, end, dtype=torch.float64) + 0.5)
    pixels = torch.arange(offset, offset + count, dtype=torch.float64) + 0.5
    distance = (pixels - centers[:, None]).abs() / stretch
    near = ((_A + 2) * distance - (_A + 3)) * distance**2 + 1
    far = _A * (((distance - 5) * distance + 8) * distance - 4)
    weights = torch.where(distance < 1, near, torch.where(distance < _REACH, far, 0))
    return weights / weights.sum(1, keepdim=True)

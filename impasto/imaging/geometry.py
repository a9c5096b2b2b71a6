"""Sizes: how large a picture becomes, and the ladder of scales that leads there."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

import torch.nn.functional as F
from torch import Tensor

from impasto.errors import UsageError


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

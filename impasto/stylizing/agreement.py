"""Compare another runtime with PyTorch on a small photo before it is used."""

from __future__ import annotations

from copy import deepcopy
from functools import cache

import torch
from torch import Tensor

from impasto import styles
from impasto.imaging import io
from impasto.imaging.geometry import resize
from impasto.networks import StyleNetwork
from impasto.stylizing.runtime import Runner

TOLERANCE = 2 / 255  # for 95 of 100 values; a border alone is more than the rest in pictures this small

_SIZES = ((72, 100), (64, 48))  # different ones, as shapes may be frozen; the first needs padding


def excess(runner: Runner, network: StyleNetwork, dtype: torch.dtype) -> float | None:
    """By how much the runner's pictures differ from those of the network, if that is too much; else None.

    The network computes in float32. TOLERANCE is allowed, and twice what PyTorch itself misses in `dtype`:
    there are networks in which the rounding of bfloat16 grows.
    """
    rounded = deepcopy(network).to(dtype)
    for size in _SIZES:
        photo = resize(_sample(), size)
        with torch.inference_mode():
            exact, near = network(photo), rounded(photo.to(dtype)).float()
        allowed = max(TOLERANCE, 2 * difference(near, exact))
        if not (found := difference(runner(photo), exact)) <= allowed:
            return found
    return None


def difference(one: Tensor, other: Tensor) -> float:
    """The 95th percentile of the absolute differences of two pictures, both clamped to [0, 1]."""
    apart = (one.clamp(0, 1) - other.clamp(0, 1)).abs().flatten()
    return float(apart.kthvalue(max(1, round(0.95 * len(apart)))).values)


@cache
def _sample() -> Tensor:
    return io.read(styles.sample())[0][None]

"""Watches a training for numbers that explode and pictures that break, so that it can go back."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

_FAR = 0.25  # beyond [0, 1]: no color that a display could show is meant
_MOST_BLOBS = 0.02  # share of such pixels, smoothed
_SMOOTH = 0.95
_EXPLOSION = 5.0  # times the smoothed value
_QUIET = 50  # steps before values are compared: they fall fast at first


class Watchdog:
    """Judges each step by its value and its pictures.

    Blobs are spots far outside the range of colors: instance norm lets a network smuggle strength past it
    in a few huge activations (Karras et al. 2020), and out they come at the same place in every picture.
    """

    def __init__(self) -> None:
        self._value, self._blobs, self._seen = 0.0, 0.0, 0

    def complaint(self, value: float, blobs: float) -> str | None:
        """Describe what is wrong with a step, or None. `blobs` is from `share_of_blobs`."""
        if not math.isfinite(value):
            return "the loss is not a number"
        if self._seen >= _QUIET and value > _EXPLOSION * self._value:
            return f"the loss rose from {self._value:.3g} to {value:.3g}"
        first = self._seen == 0
        self._value = value if first else _SMOOTH * self._value + (1 - _SMOOTH) * value
        self._blobs = _SMOOTH * self._blobs + (1 - _SMOOTH) * blobs
        self._seen += 1
        if self._seen >= _QUIET and self._blobs > _MOST_BLOBS:
            return f"{self._blobs:.0%} of the pixels are blobs far outside the range of colors"
        return None

    def state(self) -> dict[str, Any]:
        return {"value": self._value, "blobs": self._blobs, "seen": self._seen}

    def restore(self, state: dict[str, Any]) -> None:
        self._value, self._blobs, self._seen = state["value"], state["blobs"], state["seen"]


def share_of_blobs(painted: Tensor) -> Tensor:
    """Share of the pixels of (N, 3, H, W) that lie far outside [0, 1], a scalar."""
    far = ((painted < -_FAR) | (painted > 1 + _FAR)).any(1)
    return far.float().mean() if bool(torch.isfinite(painted).all()) else painted.new_tensor(1.0)

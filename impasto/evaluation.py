"""Measures of finished work."""

from __future__ import annotations

import math

import numpy as np

from impasto.errors import UsageError
from impasto.imaging.flow import FlowEstimator, Frame, Motion, carry


class WarpingError:
    """How much a styled video flickers: what changes beside what moves.

    The root of the mean squared difference, in units of the full range, between each picture and the one
    before it, carried along the motion of the photos, where that can be seen in both (Ruder et al. 2016,
    equation 8; the square of it is the warping error of Lai et al., ECCV 2018).

    Raises MissingExtraError without OpenCV.
    """

    def __init__(self) -> None:
        self._flow = FlowEstimator("medium")
        self._before: tuple[Frame, Frame] | None = None
        self._errors: list[float] = []

    def add(self, photo: Frame, picture: Frame, motion: Motion | None = None) -> None:
        """The next frame: photo and picture, (H, W, 3) of one size; `motion` where the true one is known."""
        if photo.shape != picture.shape or photo.ndim != 3:
            raise UsageError(f"photo {photo.shape} and picture {picture.shape} must both be (H, W, 3)")
        if self._before is not None:
            moved = motion or self._flow(photo, self._before[0])
            self._errors.append(_error(picture, self._before[1], moved))
        self._before = photo, picture

    @property
    def value(self) -> float:
        """From 0, steady, to 1; NaN before there are two frames."""
        return math.sqrt(float(np.mean(self._errors))) if self._errors else math.nan


def _error(picture: Frame, before: Frame, motion: Motion) -> float:
    difference = picture.astype(np.float32) - carry(before.astype(np.float32), motion.flow)
    squares = np.square(difference / 255).mean(2) * motion.seen
    return float(squares.sum() / max(1.0, float(motion.seen.sum())))

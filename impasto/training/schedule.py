"""Learning-rate schedules, by the share of the work done, and the end of a training."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from impasto.training.options import LoopOptions, Schedule

_RISE = 0.1  # share of a cycle in which the rate rises
_LOWEST = 1e-3  # of the peak, at both ends of a cycle
_MOMENTA = (0.95, 0.85)  # at the lowest and at the highest rate
_TRIED = 3  # steps before their duration counts: the first ones are slow


def rate_and_momentum(schedule: Schedule, done: float) -> tuple[float, float]:
    """Share of the peak learning rate, and Adam's first beta, for a share of the work done, 0..1.

    One cycle: Smith & Topin 2018, with Adam's momentum running against the rate.
    """
    if schedule == "constant":
        return 1.0, 0.9
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * done)), 0.9
    rising = done < _RISE
    share = done / _RISE if rising else (done - _RISE) / (1 - _RISE)
    height = 0.5 * (1 - math.cos(math.pi * share))  # 0 to 1
    height = height if rising else 1 - height
    low, high = _MOMENTA
    return _LOWEST + (1 - _LOWEST) * height, low + (high - low) * height


@dataclass
class Pace:
    """Share of the work done, by steps, or by minutes: then the steps to come fill the time that is left.

    Attributes:
        step: how many are done.
        done: share of the work, 0..1.
        seconds: spent so far, in this and earlier processes.
        step_seconds: smoothed duration of a step; 0 if not yet known.
    """

    options: LoopOptions
    step: int = 0
    done: float = 0.0
    seconds: float = 0.0
    step_seconds: float = 0.0

    def __post_init__(self) -> None:
        self._last = time.monotonic()

    @property
    def is_over(self) -> bool:
        return self.done >= 1 - 1e-9

    @property
    def steps(self) -> int:
        """In all, as far as one can tell."""
        if self.options.steps:
            return self.options.steps
        return self.step if self.is_over else max(self.step, round(self.step + self._remaining()))

    @property
    def seconds_left(self) -> float:
        return max(0, self.steps - self.step) * self.step_seconds

    def advance(self) -> None:
        """Count a step. What happened since the last one, be it a sample picture, counts as its time."""
        now = time.monotonic()
        taken, self._last = now - self._last, now
        self.seconds += taken
        self.step += 1
        if self.step >= _TRIED:
            known = self.step_seconds or taken
            self.step_seconds = 0.95 * known + 0.05 * taken
        if self.options.steps:
            self.done = self.step / self.options.steps
        else:
            self.done += (1 - self.done) / max(1.0, self._remaining())

    def _remaining(self) -> float:
        left = 60 * self.options.minutes - self.seconds
        return left / (self.step_seconds or 1.0)

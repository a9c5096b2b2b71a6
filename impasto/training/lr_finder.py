"""Learning-rate range test (Smith 2017): raise the rate until the loss explodes."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from impasto.errors import DivergenceError
from impasto.imaging.files import replacing
from impasto.training.metrics_log import can_plot, plot_rates

_LOWEST, _HIGHEST = 1e-6, 1.0
_SMOOTH = 0.9
_EXPLOSION = 4.0  # times the lowest loss: the test ends there


@dataclass(frozen=True)
class Trial:
    """A learning rate and the smoothed loss that it led to."""

    rate: float
    loss: float


def rates(steps: int) -> Iterator[float]:
    """Yield rates from the lowest to the highest, in equal factors."""
    for step in range(steps):
        yield _LOWEST * (_HIGHEST / _LOWEST) ** (step / max(1, steps - 1))


class RangeTest:
    """Collects trials; `is_over` is True once the loss explodes."""

    def __init__(self) -> None:
        self.trials: list[Trial] = []
        self._mean, self._weight = 0.0, 0.0

    def add(self, rate: float, loss: float) -> None:
        """Add a rate and the loss measured before the step of this rate."""
        self._mean = _SMOOTH * self._mean + (1 - _SMOOTH) * loss
        self._weight = _SMOOTH * self._weight + (1 - _SMOOTH)
        self.trials.append(Trial(rate, self._mean / self._weight))

    @property
    def is_over(self) -> bool:
        """Return whether the loss has exploded."""
        loss = self.trials[-1].loss if self.trials else 0.0
        return not math.isfinite(loss) or loss > _EXPLOSION * min(trial.loss for trial in self.trials)

    def suggestion(self) -> float:
        """Suggest a third of the rate with the lowest loss.

        At the lowest loss the loss begins to rise, and a cycle stays at its peak rate for long. Raises
        DivergenceError if no loss is finite.
        """
        finite = [trial for trial in self.trials if math.isfinite(trial.loss)]
        if not finite:
            raise DivergenceError("no learning rate can be suggested: the loss is not a number at any")
        return min(finite, key=lambda trial: trial.loss).rate / 3

    def save(self, folder: Path) -> list[Path]:
        """Write learning-rate.csv and, with Matplotlib, learning-rate.png; returns their paths."""
        folder.mkdir(parents=True, exist_ok=True)
        table, plot = folder / "learning-rate.csv", folder / "learning-rate.png"
        with (
            replacing(table) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.writer(file)
            writer.writerow(("rate", "loss"))
            writer.writerows((f"{trial.rate:.6g}", f"{trial.loss:.6g}") for trial in self.trials)
        if not can_plot():
            return [table]
        plot_rates(plot, [(trial.rate, trial.loss) for trial in self.trials], self.suggestion())
        return [table, plot]

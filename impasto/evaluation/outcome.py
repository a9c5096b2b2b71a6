"""Results of an evaluation: means with intervals, comparisons, missing pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from impasto.errors import UsageError
from impasto.evaluation.bootstrap import CrossedBootstrap, Estimate
from impasto.evaluation.options import CONTENT, METRICS, STYLE, EvaluateOptions
from impasto.evaluation.pictures import CONTROLS

Grid = NDArray[np.float64]  # (photos, styles), NaN for missing values


@dataclass(frozen=True)
class Row:
    """Results of a method or a control, over the pairs that all methods have."""

    name: str
    control: bool
    estimates: Mapping[str, Estimate]  # by metric; unknown metrics are missing
    memory: int | None = None
    artfid: float | None = None


@dataclass(frozen=True)
class Comparison:
    """Difference of two methods in one metric, over identical pairs: the first minus the second.

    `better` is the name of the better method, or None if the interval contains zero.
    """

    metric: str
    difference: Estimate
    better: str | None


@dataclass(frozen=True)
class Outcome:
    """Results of an evaluation.

    Attributes:
        values: values by method or control, then by metric.
        memory: peak memory in bytes by method, if known.
        artfid: ArtFID by method or control, if requested.
        failures: sentences about pictures that could not be measured.
        notes: sentences to show to the user.
    """

    photos: tuple[str, ...]
    styles: tuple[str, ...]
    values: Mapping[str, Mapping[str, Grid]]
    options: EvaluateOptions
    memory: Mapping[str, int] = field(default_factory=dict)
    artfid: Mapping[str, float] = field(default_factory=dict)
    failures: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods, without the controls."""
        return tuple(name for name in self.values if name not in CONTROLS)

    @cached_property
    def common(self) -> NDArray[np.bool_]:
        """Mask (photos, styles) of the pairs measured for all methods; all means are over these pairs."""
        known = [~np.isnan(grids[STYLE]) for grids in self.values.values()]
        common: NDArray[np.bool_] = np.logical_and.reduce(known)
        return common

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """Results of the methods, the smallest style error first, then of the controls.

        Raises UsageError if no pair was measured for all methods.
        """
        methods = sorted(self.methods, key=lambda name: self._estimate(name, STYLE).mean)
        return tuple(self._row(name) for name in (*methods, *CONTROLS))

    @property
    def metrics(self) -> tuple[str, ...]:
        """Metrics that have any value, in their usual order."""
        known = {metric for row in self.rows for metric in row.estimates}
        return tuple(name for name in METRICS if name in known)

    @cached_property
    def front(self) -> tuple[str, ...]:
        """Pareto front: methods that no other method beats, or equals, in both style and content."""
        points = {n: (self._estimate(n, STYLE).mean, self._estimate(n, CONTENT).mean) for n in self.methods}
        return tuple(
            name
            for name, (style, content) in points.items()
            if not any(s <= style and c <= content and (s, c) != (style, content) for s, c in points.values())
        )

    def compare(self, first: str, second: str) -> tuple[Comparison, ...]:
        """Compare two methods or controls, metric by metric, with identical bootstrap draws.

        Raises UsageError for an unknown name, or for two equal names.
        """
        for name in (first, second):
            if name not in self.values:
                raise UsageError(
                    f"there are no results with the name {name}: choose two of {', '.join(self.values)}"
                )
        if first == second:
            raise UsageError(f"compare= must name two different results, not {first} twice")
        return tuple(
            self._compare(metric, first, second)
            for metric in self.metrics
            if self._known(metric, first, second)
        )

    def pairs(self) -> list[dict[str, Any]]:
        """List all pairs with all values, in JSON's types."""
        return [
            {"photo": photo, "style": style, "values": self._at((row, column))}
            for row, photo in enumerate(self.photos)
            for column, style in enumerate(self.styles)
        ]

    @cached_property
    def _bootstrap(self) -> CrossedBootstrap:
        if not self.common.any():
            reason = f": {self.failures[0]}" if self.failures else ""
            raise UsageError(f"no pair of a photo and a style could be measured for all results{reason}")
        return CrossedBootstrap(self.common, self.options.resamples, self.options.seed)

    def _row(self, name: str) -> Row:
        estimates = {metric: self._estimate(name, metric) for metric in METRICS if self._known(metric, name)}
        return Row(name, name in CONTROLS, estimates, self.memory.get(name), self.artfid.get(name))

    def _estimate(self, name: str, metric: str) -> Estimate:
        grid = self.values[name][metric]
        present = self.common & ~np.isnan(grid)
        if bool((present == self.common).all()):
            return self._bootstrap.estimate(grid)
        # only times can be unknown for some pictures: an earlier run made these and did not record times
        return CrossedBootstrap(present, self.options.resamples, self.options.seed).estimate(grid)

    def _compare(self, metric: str, first: str, second: str) -> Comparison:
        difference = self.values[first][metric] - self.values[second][metric]
        present = self.common & ~np.isnan(difference)
        draws = CrossedBootstrap(present, self.options.resamples, self.options.seed)
        estimate = draws.estimate(difference)
        sign = estimate.sign if METRICS[metric].less else -estimate.sign
        return Comparison(metric, estimate, {-1: first, 0: None, 1: second}[sign])

    def _known(self, metric: str, *names: str) -> bool:
        grids = [self.values[name].get(metric) for name in names]
        there = [self.common & ~np.isnan(grid) for grid in grids if grid is not None]
        return len(there) == len(names) and bool(np.logical_and.reduce(there).any())

    def _at(self, place: tuple[int, int]) -> dict[str, dict[str, float]]:
        return {
            name: {metric: float(grid[place]) for metric, grid in grids.items() if not np.isnan(grid[place])}
            for name, grids in self.values.items()
        }


def names_of(rows: Sequence[Row], *, controls: bool) -> tuple[str, ...]:
    """Names of the methods, or of the controls, in the order of the rows."""
    return tuple(row.name for row in rows if row.control == controls)

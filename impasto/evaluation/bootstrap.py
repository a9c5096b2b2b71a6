"""Bootstrap intervals for pairs of photos and styles, and for the frames of a clip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from impasto.errors import UsageError

FloatArray = NDArray[np.float64]

LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """Mean with the ends of its 95 % interval; the ends are None if there is nothing to resample."""

    mean: float
    low: float | None = None
    high: float | None = None

    @property
    def sign(self) -> int:
        """Sign of the whole interval: -1 or 1; 0 if the interval contains zero or is unknown."""
        if self.low is None or self.high is None:
            return 0
        return -1 if self.high < 0 else 1 if self.low > 0 else 0


class CrossedBootstrap:
    """Resample photos and styles independently, and keep all pairs of the photos and styles drawn.

    Pairs are not independent draws: a difficult photo is difficult in all styles. Resampling pairs would
        count 800
    pictures of 20 photos and 40 styles as 800 observations, and give intervals that are too narrow. With
    both factors resampled (the pigeonhole bootstrap, Owen 2007, "The pigeonhole bootstrap", Annals of Applied
    Statistics 1(2)) the variance is slightly too large rather than too small. All metrics and methods use
    identical draws, so that differences are differences of identical pairs.

    Args:
        present: (photos, styles), True for pairs that exist; the grid may have holes.
        resamples: number of draws.
        seed: equal seeds give equal intervals.
    """

    def __init__(self, present: NDArray[np.bool_], resamples: int = 2000, seed: int = 0) -> None:
        if not present.any():
            raise UsageError("there are no pairs of a photo and a style: give at least one")
        generator = np.random.default_rng(seed)
        self._present = present.astype(np.float64)
        self._by_photo, self._by_style = (_draws(generator, resamples, n) for n in present.shape)
        self._totals = ((self._by_photo @ self._present) * self._by_style).sum(1)
        self._decides = max(present.shape) > 1

    def estimate(self, values: FloatArray) -> Estimate:
        """Mean over the existing pairs of values (photos, styles), with its interval."""
        kept = np.where(self._present > 0, values, 0.0)
        mean = float(kept.sum() / self._present.sum())
        if not self._decides:
            return Estimate(mean)
        drawn = self._totals > 0  # with holes in the grid a draw may contain no pair
        sums = ((self._by_photo @ kept) * self._by_style).sum(1)
        return Estimate(mean, *_interval(sums[drawn] / self._totals[drawn]))


def over_frames(values: FloatArray, resamples: int = 2000, seed: int = 0, block: int = 12) -> Estimate:
    """Root of the mean of squares, (frames,), of consecutive frames, with its interval.

    Neighboring frames are similar, so runs of `block` frames are resampled (the circular block bootstrap,
    Politis & Romano 1992). Fewer than two runs have no interval.
    """
    mean = float(np.sqrt(values.mean()))
    if len(values) < 2 * block:
        return Estimate(mean)
    generator = np.random.default_rng(seed)
    runs = -(-len(values) // block)
    starts = generator.integers(0, len(values), (resamples, runs, 1))
    chosen = ((starts + np.arange(block)) % len(values)).reshape(resamples, -1)[:, : len(values)]
    return Estimate(mean, *_interval(np.sqrt(values[chosen].mean(1))))


def _draws(generator: np.random.Generator, resamples: int, count: int) -> FloatArray:
    """Draw counts of a bootstrap resample, (resamples, count)."""
    return generator.multinomial(count, np.full(count, 1 / count), resamples).astype(np.float64)


def _interval(means: FloatArray) -> tuple[float, float]:
    """95 % interval by percentiles."""
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)

"""Intervals by the bootstrap, on populations whose mean and spread are known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from impasto.errors import UsageError
from impasto.evaluation.bootstrap import CrossedBootstrap, Estimate, over_frames

PHOTOS, STYLES = 20, 40


def crossed(dice: np.random.Generator) -> NDArray[np.float64]:
    """Mean 3; photos, styles and what is between them each add of their own."""
    photo, style = dice.normal(0, 1, (PHOTOS, 1)), dice.normal(0, 0.7, (1, STYLES))
    return 3 + photo + style + dice.normal(0, 0.5, (PHOTOS, STYLES))


def test_intervals_hold_the_true_mean_as_often_as_they_say() -> None:
    dice, held, narrow = np.random.default_rng(5), 0, 0
    for trial in range(200):
        values = crossed(dice)
        found = CrossedBootstrap(np.ones(values.shape, bool), 400, seed=trial).estimate(values)
        assert found.low is not None and found.high is not None
        held += found.low <= 3 <= found.high
        error = 1.96 * values.std() / np.sqrt(values.size)  # as if all pairs were independent
        narrow += abs(values.mean() - 3) <= error
    assert 0.9 <= held / 200 <= 0.99
    assert narrow / 200 < 0.5  # which is why not pairs are resampled


def test_the_width_is_that_of_the_known_spread() -> None:
    values = crossed(np.random.default_rng(1))
    found = CrossedBootstrap(np.ones(values.shape, bool), 4000).estimate(values)
    assert found.low is not None and found.high is not None
    spread = np.sqrt(values.mean(1).var() / PHOTOS + values.mean(0).var() / STYLES)
    assert (found.high - found.low) / (2 * 1.96) == pytest.approx(spread, rel=0.1)
    assert found.mean == pytest.approx(values.mean())


def test_same_seed_same_interval() -> None:
    values = crossed(np.random.default_rng(2))
    there = np.ones(values.shape, bool)
    one, two, other = (CrossedBootstrap(there, 200, seed).estimate(values) for seed in (4, 4, 5))
    assert one == two != other


def test_holes_do_not_count() -> None:
    values = crossed(np.random.default_rng(3))[:5, :6]
    there = np.random.default_rng(3).random(values.shape) < 0.5
    found = CrossedBootstrap(there, 500).estimate(np.where(there, values, np.nan))
    assert found.mean == pytest.approx(values[there].mean())
    assert found.low is not None and found.high is not None
    assert values[there].min() <= found.low < found.mean < found.high <= values[there].max()


def test_what_does_not_vary_is_certain() -> None:
    assert CrossedBootstrap(np.ones((3, 4), bool), 100).estimate(np.full((3, 4), 2.0)) == Estimate(2, 2, 2)


def test_one_pair_has_no_interval() -> None:
    assert CrossedBootstrap(np.ones((1, 1), bool)).estimate(np.array([[0.5]])) == Estimate(0.5)


def test_of_one_photo_only_styles_are_resampled() -> None:
    found = CrossedBootstrap(np.ones((1, 30), bool), 500).estimate(np.arange(30.0)[None])
    assert found.low is not None and 10 < found.low < 14.5


def test_no_pairs() -> None:
    with pytest.raises(UsageError, match=r"there are no pairs"):
        CrossedBootstrap(np.zeros((2, 2), bool))


@pytest.mark.parametrize(
    ("estimate", "sign"),
    [
        (Estimate(1, 0.5, 2), 1),
        (Estimate(-1, -2, -0.5), -1),
        (Estimate(0.1, -1, 1), 0),
        (Estimate(1), 0),
    ],
)
def test_what_is_decided(estimate: Estimate, sign: int) -> None:
    assert estimate.sign == sign


def test_frames_that_follow_each_other_are_resampled_in_runs() -> None:
    """Of a process that drifts, single frames would promise too much."""
    dice = np.random.default_rng(0)
    steps, level = [], 0.0
    for _ in range(600):
        level = 0.9 * level + dice.normal()
        steps.append((2 + 0.3 * level) ** 2)
    values = np.array(steps)
    runs, single = over_frames(values, 500), over_frames(values, 500, block=1)
    assert runs.mean == single.mean == pytest.approx(np.sqrt(values.mean()))
    widths = [e.high - e.low for e in (runs, single) if e.high is not None and e.low is not None]
    assert widths[0] > 1.8 * widths[1]
    assert over_frames(values[:20]).low is None

"""The learning-rate range test."""

import csv
import math
from pathlib import Path

import pytest
from PIL import Image

from impasto.errors import DivergenceError
from impasto.training import metrics_log
from impasto.training.train import RangeTest, rates


def curve(steps: int = 120) -> RangeTest:
    """Losses that fall with the rate up to 1e-2, and then rise ever faster."""
    test = RangeTest()
    for rate in rates(steps):
        test.add(rate, 1 - 0.1 * math.log10(rate / 1e-6) + (rate / 1e-2) ** 2 / 100)
        if test.is_over:
            break
    return test


def test_rates_grow_by_equal_factors() -> None:
    tried = list(rates(7))
    assert tried == pytest.approx([1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0])
    assert list(rates(1)) == [1e-6]


def test_it_ends_where_the_loss_explodes() -> None:
    test = curve()
    assert test.is_over
    assert 0.1 < test.trials[-1].rate < 1
    assert len(test.trials) < 120


def test_it_ends_where_the_loss_is_no_number() -> None:
    test = RangeTest()
    test.add(0.1, 1.0)
    assert not test.is_over
    test.add(0.2, math.nan)
    assert test.is_over
    assert test.suggestion() == pytest.approx(0.1 / 3)


def test_the_suggestion_lies_below_the_lowest_loss() -> None:
    test = curve()
    lowest = min(test.trials, key=lambda trial: trial.loss)
    assert test.suggestion() == pytest.approx(lowest.rate / 3)
    assert 0.003 < test.suggestion() < 0.03


def test_early_means_are_not_drawn_to_zero() -> None:
    test = RangeTest()
    for rate in rates(5):
        test.add(rate, 2.0)
    assert [trial.loss for trial in test.trials] == pytest.approx([2.0] * 5)


def test_no_number_at_all() -> None:
    test = RangeTest()
    test.add(1e-6, math.nan)
    with pytest.raises(DivergenceError, match="no learning rate can be suggested"):
        test.suggestion()


def test_a_table_and_a_plot(tmp_path: Path) -> None:
    test = curve()
    table, plot = test.save(tmp_path / "wave.training")
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["rate"]) for row in rows] == pytest.approx([t.rate for t in test.trials], rel=1e-5)
    assert [float(row["loss"]) for row in rows] == pytest.approx([t.loss for t in test.trials], rel=1e-5)
    with Image.open(plot) as picture:
        assert picture.format == "PNG"


def test_no_plot_without_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_log, "find_spec", lambda name: None)
    assert curve().save(tmp_path) == [tmp_path / "learning-rate.csv"]

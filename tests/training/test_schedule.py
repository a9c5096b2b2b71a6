"""Rates by the share of the work, and when the work is over."""

import itertools
from collections.abc import Iterator

import pytest

from impasto.training import optimization
from impasto.training.optimization import Pace, rate_and_momentum
from impasto.training.options import LoopOptions, Schedule


class Clock:
    """Stands in for the time module; ticks by what is asked for."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(optimization, "time", made)
    return made


def test_one_cycle_rises_for_a_tenth_and_falls_to_nothing() -> None:
    curve = [rate_and_momentum("onecycle", done / 1000) for done in range(1001)]
    rates, momenta = zip(*curve, strict=True)
    assert rates.index(max(rates)) == 100
    assert max(rates) == pytest.approx(1)
    assert rates[0] == rates[-1] == pytest.approx(1e-3)
    assert list(rates[:101]) == sorted(rates[:101])
    assert list(rates[100:]) == sorted(rates[100:], reverse=True)
    assert (momenta[0], momenta[100], momenta[-1]) == pytest.approx((0.95, 0.85, 0.95))


@pytest.mark.parametrize(("name", "expected"), [("cosine", [1, 0.8536, 0.5, 0]), ("constant", [1, 1, 1, 1])])
def test_other_schedules(name: Schedule, expected: list[float]) -> None:
    curve = [rate_and_momentum(name, done) for done in (0, 0.25, 0.5, 1)]
    assert [rate for rate, _ in curve] == pytest.approx(expected, abs=1e-4)
    assert {momentum for _, momentum in curve} == {0.9}


def test_steps_are_counted(clock: Clock) -> None:
    pace = Pace(LoopOptions(steps=4, minutes=1e-6))
    seen = []
    while not pace.is_over:
        clock.now += 2
        pace.advance()
        seen.append(pace.done)
    assert seen == [0.25, 0.5, 0.75, 1.0]
    assert (pace.steps, pace.seconds, pace.seconds_left) == (4, 8.0, 0.0)


def run(clock: Clock, minutes: float, durations: Iterator[float]) -> tuple[Pace, list[float]]:
    pace, seen = Pace(LoopOptions(minutes=minutes)), [0.0]
    while not pace.is_over:
        clock.now += next(durations)
        pace.advance()
        seen.append(pace.done)
    return pace, seen


def test_minutes_are_kept_and_the_schedule_fills_them(clock: Clock) -> None:
    pace, seen = run(clock, 2, itertools.repeat(0.5))
    assert pace.seconds == pytest.approx(120, abs=2)
    assert pace.step == pace.steps == pytest.approx(240, abs=4)
    assert seen == sorted(seen)
    assert seen[len(seen) // 2] == pytest.approx(0.5, abs=0.02)
    assert seen[-1] == 1


def test_minutes_are_kept_where_steps_slow_down(clock: Clock) -> None:
    pace, seen = run(clock, 2, itertools.chain([9.0], itertools.repeat(0.2, 200), itertools.repeat(0.8)))
    assert pace.seconds == pytest.approx(120, abs=3)
    assert seen[-1] == 1
    assert max(b - a for a, b in itertools.pairwise(seen)) < 0.1  # no leap at the end of the schedule


def test_time_left(clock: Clock) -> None:
    pace = Pace(LoopOptions(steps=10))
    assert pace.seconds_left == 0  # not yet known
    for _ in range(5):
        clock.now += 3
        pace.advance()
    assert pace.seconds_left == pytest.approx(15)

"""One training as an object: steps, steps back, and the best weights; its schedule and its watchdog."""

import itertools
import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from impasto.errors import DivergenceError
from impasto.training import optimization
from impasto.training.distributed import ProcessGroup
from impasto.training.objective import Pool, alone
from impasto.training.optimization import Pace, Training, Watchdog, rate_and_momentum, share_of_blobs
from impasto.training.options import LoopOptions, Schedule
from tests.training.shift import Shift

PHOTOS = torch.full((2, 3, 8, 8), 0.5)


class Scripted:
    """Wants the pictures at a target; in some steps its loss is multiplied."""

    pools = False

    def __init__(self, target: float) -> None:
        self.target, self.step, self.factors = target, 0, dict[int, float]()

    def __call__(
        self, photos: Tensor, painted: Tensor, pool: Pool = alone
    ) -> tuple[Tensor, dict[str, Tensor]]:
        self.step += 1
        error = (painted - self.target).square().mean() + 1.0
        return error * self.factors.get(self.step, 1.0), {"error": error}


def start(objective: Scripted, **given: object) -> Training:
    options = LoopOptions(**{"steps": 400, "schedule": "constant", "learning_rate": 0.01, **given})  # type: ignore[arg-type]
    return Training(Shift(), objective, options, torch.float32, ProcessGroup(torch.device("cpu")))


def rate(training: Training) -> float:
    return float(training.optimizer.param_groups[0]["lr"])


def test_it_learns() -> None:
    training = start(Scripted(0.9))
    outcomes = [training.advance([PHOTOS]) for _ in range(100)]
    assert {outcome.complaint for outcome in outcomes} == {None}
    assert outcomes[0].losses.keys() == {"total", "error"}
    assert outcomes[0].losses["error"] == pytest.approx(1.16)
    assert outcomes[-1].losses["error"] == pytest.approx(1, abs=1e-3)
    torch.testing.assert_close(training.paint(PHOTOS), torch.full_like(PHOTOS, 0.9), rtol=0, atol=0.02)
    assert training.pace.done == 0.25


@pytest.mark.parametrize("factor", [math.nan, math.inf, 30.0], ids=["nan", "inf", "explosion"])
def test_it_goes_back_and_slows_down(factor: float) -> None:
    objective = Scripted(1.2)
    training = start(objective, learning_rate=0.002)
    for _ in range(100):
        training.advance([PHOTOS])
    good = training.weights()
    for _ in range(7):
        training.advance([PHOTOS])
    assert training.weights()["by"] != good["by"]
    objective.factors[108] = factor

    outcome = training.advance([PHOTOS])
    assert outcome.complaint is not None
    assert outcome.went_back == 8
    assert training.weights()["by"] == good["by"]
    assert training.pace.step == 108  # the schedule goes on
    training.advance([PHOTOS])
    assert rate(training) == 0.001
    assert training.weights()["by"] != good["by"]


def test_a_gradient_that_is_no_number_spoils_nothing() -> None:
    class Broken(Scripted):
        def __call__(
            self, photos: Tensor, painted: Tensor, pool: Pool = alone
        ) -> tuple[Tensor, dict[str, Tensor]]:
            total, terms = super().__call__(photos, painted)
            return total + (painted * 0).abs().sum().sqrt(), terms  # the root's slope at 0 is infinite

    training = start(Broken(0.9))
    outcome = training.advance([PHOTOS])
    assert math.isfinite(outcome.losses["total"])
    assert outcome.complaint == "the loss is not a number"
    assert training.weights()["by"] == 0


def test_blobs_take_it_back() -> None:
    training = start(Scripted(9.0), learning_rate=0.02)  # far outside the range of colors
    outcomes = []
    while not outcomes or outcomes[-1].complaint is None:
        outcomes.append(training.advance([PHOTOS]))
    assert "blobs far outside the range of colors" in outcomes[-1].complaint
    assert float(training.paint(PHOTOS).max()) < 1.6
    training.advance([PHOTOS])
    assert rate(training) == 0.01


def test_it_gives_up_in_the_end() -> None:
    objective = Scripted(0.9)
    objective.factors = dict.fromkeys(range(20), math.nan)
    training = start(objective)
    for _ in range(8):
        assert training.advance([PHOTOS]).complaint
    with pytest.raises(DivergenceError, match=r"broke 9 times, .* choose a lower learning_rate="):
        training.advance([PHOTOS])


def test_the_best_is_remembered() -> None:
    training, targets = start(Scripted(0.0)), (0.7, 0.5, math.nan, 0.9)
    seen = []
    for shift, target in enumerate(targets):
        with torch.no_grad():
            training.network.get_parameter("by").fill_(shift)
        training.objective = Scripted(0.5 + shift + (target - 0.5))  # type: ignore[attr-defined]
        seen.append(training.validate(PHOTOS)["total"])
    assert seen[:2] == pytest.approx([1.04, 1.0])
    assert training.best is not None
    assert training.best[0] == pytest.approx(1.0)
    assert float(training.best[1]["by"]) == 1


def test_the_first_validation_may_be_no_number() -> None:
    training = start(Scripted(math.nan))
    training.validate(PHOTOS)
    training.objective = Scripted(0.5)
    training.validate(PHOTOS)
    assert training.best is not None
    assert training.best[0] == 1


@pytest.mark.parametrize("schedule", ["onecycle", "cosine"])
def test_it_goes_on_from_its_state(schedule: str) -> None:
    def run(training: Training, steps: int) -> list[float]:
        return [training.advance([PHOTOS]).losses["total"] for _ in range(steps)]

    def broken() -> Scripted:
        objective = Scripted(0.9)
        objective.factors = {60: math.nan, 75: math.nan}
        return objective

    whole = start(broken(), schedule=schedule, steps=120)
    expected = run(whole, 120)
    first = start(broken(), schedule=schedule, steps=120)
    seen = run(first, 70)
    second = start(broken(), schedule=schedule, steps=120)
    second.objective.step = 70  # type: ignore[attr-defined]
    second.restore(first.state())
    assert seen + run(second, 50) == pytest.approx(expected, nan_ok=True, abs=0, rel=0)
    assert second.weights()["by"] == whole.weights()["by"]
    assert second.pace.is_over and second.brake == 0.25


@pytest.mark.parametrize("clip", [1e-9, 1e9])
def test_gradients_are_clipped(clip: float) -> None:
    """So small a gradient is not seen beside Adam's epsilon."""
    training = start(Scripted(0.9), clip=clip)
    training.advance([PHOTOS])
    moved = float(training.weights()["by"])
    assert (moved < 0.002) == (clip < 1)
    assert moved > 0


def test_a_rate_is_tried() -> None:
    training = start(Scripted(0.9))
    assert training.try_rate([PHOTOS], 0.2) == pytest.approx(1.16)
    assert float(training.weights()["by"]) == pytest.approx(0.2, rel=1e-3)


# --- the schedule -------------------------------------------------------------------------------------------


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


def run_for(clock: Clock, minutes: float, durations: Iterator[float]) -> tuple[Pace, list[float]]:
    pace, seen = Pace(LoopOptions(minutes=minutes)), [0.0]
    while not pace.is_over:
        clock.now += next(durations)
        pace.advance()
        seen.append(pace.done)
    return pace, seen


def test_minutes_are_kept_and_the_schedule_fills_them(clock: Clock) -> None:
    pace, seen = run_for(clock, 2, itertools.repeat(0.5))
    assert pace.seconds == pytest.approx(120, abs=2)
    assert pace.step == pace.steps == pytest.approx(240, abs=4)
    assert seen == sorted(seen)
    assert seen[len(seen) // 2] == pytest.approx(0.5, abs=0.02)
    assert seen[-1] == 1


def test_minutes_are_kept_where_steps_slow_down(clock: Clock) -> None:
    pace, seen = run_for(clock, 2, itertools.chain([9.0], itertools.repeat(0.2, 200), itertools.repeat(0.8)))
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


# --- the watchdog -------------------------------------------------------------------------------------------


def settled(value: float = 1.0, blobs: float = 0.0) -> Watchdog:
    """One that has seen enough to compare."""
    watchdog = Watchdog()
    assert [watchdog.complaint(value, blobs) for _ in range(60)] == [None] * 60
    return watchdog


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_that_are_none(value: float) -> None:
    assert Watchdog().complaint(value, 0.0) == "the loss is not a number"


def test_a_loss_that_falls_and_wavers_is_well() -> None:
    watchdog = Watchdog()
    losses = [10 / (1 + step) + 0.5 * (step % 2) for step in range(200)]
    assert {watchdog.complaint(loss, 0.001) for loss in losses} == {None}


def test_an_explosion() -> None:
    watchdog = settled(1.0)
    assert watchdog.complaint(4.0, 0.0) is None
    assert watchdog.complaint(20.0, 0.0) == "the loss rose from 1.15 to 20"


def test_an_explosion_among_the_first_steps_is_none() -> None:
    watchdog = Watchdog()
    assert [watchdog.complaint(value, 0.0) for value in (1.0, 40.0, 1.0)] == [None] * 3


def test_blobs_that_stay() -> None:
    watchdog = settled(blobs=0.001)
    complaints = [watchdog.complaint(1.0, 0.1) for _ in range(10)]
    assert complaints[0] is None
    assert "of the pixels are blobs far outside the range of colors" in str(complaints[-1])


def test_its_memory_can_be_kept() -> None:
    watchdog, other = settled(2.0), Watchdog()
    other.restore(watchdog.state())
    assert other.complaint(50.0, 0.0) == watchdog.complaint(50.0, 0.0) == "the loss rose from 2 to 50"


def test_share_of_blobs() -> None:
    painted = torch.full((2, 3, 4, 4), 0.5)
    assert share_of_blobs(painted) == 0
    painted[0, 1, 0, 0], painted[1, 2, 3, 3], painted[1, 0, 3, 3] = -0.3, 1.3, 9.0
    painted[0, 0, 2, 2] = 1.2  # a little brighter than white
    assert share_of_blobs(painted) == 2 / 32
    painted[0, 0, 1, 1] = math.nan
    assert share_of_blobs(painted) == 1

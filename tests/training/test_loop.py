"""One training as an object: steps, steps back, and the best weights."""

import math

import pytest
import torch
from torch import Tensor

from impasto.errors import DivergenceError
from impasto.training.distributed import ProcessGroup
from impasto.training.objective import Pool, alone
from impasto.training.optimization import Training
from impasto.training.options import LoopOptions
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
    return float(training.optimiser.param_groups[0]["lr"])


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

"""What a step is complained of."""

import math

import pytest
import torch

from impasto.training.optimization import Watchdog, share_of_blobs


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

"""The loop that every training goes through: take up a checkpoint, learn step by step, keep, finish."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from impasto.errors import UsageError
from impasto.training.checkpoint import load_checkpoint, restoring
from impasto.training.keeper import CHECKPOINT, FINISHED, Keeper, Plan, Product, workspace
from impasto.training.loop import Training
from impasto.training.restarts import is_restarted, mark

B = TypeVar("B")

Lessons = AbstractContextManager[Iterator[tuple[B, tuple[str, ...]]]]


@dataclass(frozen=True)
class Task(Generic[B]):
    """One training, made ready.

    Attributes:
        training: network, objective and pace.
        settings: what a checkpoint must agree in to be resumed.
        held_out: what is never trained on.
        unreadable: names of photos that were found damaged meanwhile.
        lessons: the batches from a step on, `accumulate` for each, with the photos that were found damaged.
        product: what is to come of it.
    """

    training: Training[B]
    settings: Mapping[str, Any]
    held_out: B
    unreadable: tuple[str, ...]
    lessons: Callable[[int], Lessons[B]]
    product: Product[B]


def work(task: Task[B], plan: Plan) -> None:
    """Learn until the time is over, or it is enough, and write what came of it."""
    training, unreadable = task.training, task.unreadable
    _take_up(task, plan)
    with (
        closing(Keeper(training, plan, task.settings, task.held_out, task.product)) as keeper,
        task.lessons(training.pace.step) as source,
    ):
        while not (training.pace.is_over or training.team.agree(plan.is_enough())):
            skipped: list[str] = []
            outcome = training.advance(_noting(skipped, source))
            keeper.after(outcome, (*unreadable, *skipped))
            unreadable = ()
        keeper.finish()


def _noting(skipped: list[str], source: Iterator[tuple[B, tuple[str, ...]]]) -> Iterator[B]:
    """The batches alone; names of damaged photos are added to the list."""
    for batch, names in source:
        skipped += names
        yield batch


def _take_up(task: Task[B], plan: Plan) -> None:
    """Go on from the checkpoint of the leading process, if it says so: others need not see its disk."""
    team = task.training.team
    if not team.is_same(len(plan.photos)):
        raise UsageError("the machines of this training hold different numbers of photos: give all the same")
    state = team.hand_on(_begin(task, plan) if team.leads else None)
    if state is not None:
        with restoring():
            task.training.restore(state)


def _begin(task: Task[B], plan: Plan) -> Mapping[str, Any] | None:
    """The state to go on from, if any; then the folder is this run's. Raises UsageError and WeightsError."""
    folder = workspace(plan.out)
    checkpoint, finished = folder / CHECKPOINT, folder / FINISHED
    state = None
    if plan.resume:
        state = load_checkpoint(checkpoint, task.settings)
    elif is_restarted(folder):
        last = [path for path in (checkpoint, finished) if path.exists()]
        state = load_checkpoint(last[0], task.settings) if last else None
    elif checkpoint.exists() and not plan.overwrite:
        raise UsageError(
            f"{folder} holds an unfinished training: go on with --resume, or begin anew with --overwrite"
        )
    if state is None:
        for stale in (checkpoint, finished):
            stale.unlink(missing_ok=True)
    mark(folder)
    return state

"""The loop that every training goes through: take up a checkpoint, learn step by step, keep, finish."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from impasto.errors import UsageError
from impasto.training.checkpoint import load_checkpoint
from impasto.training.keeper import Keeper, Plan, Product, workspace
from impasto.training.loop import Training

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
        lessons: the batches from a step on, each with the photos that were found damaged.
        product: what is to come of it.
    """

    training: Training[B]
    settings: Mapping[str, Any]
    held_out: B
    unreadable: tuple[str, ...]
    lessons: Callable[[int], Lessons[B]]
    product: Product[B]


def work(task: Task[B], plan: Plan) -> None:
    """Learn until the time is over, and write what came of it."""
    training, unreadable = task.training, task.unreadable
    _take_up(task, plan)
    with (
        closing(Keeper(training, plan, task.settings, task.held_out, task.product)) as keeper,
        task.lessons(training.pace.step) as source,
    ):
        while not training.pace.is_over:
            batch, skipped = next(source)
            keeper.after(training.advance(batch), unreadable + skipped)
            unreadable = ()
        keeper.finish()


def _take_up(task: Task[B], plan: Plan) -> None:
    checkpoint = workspace(plan.out) / "checkpoint.pt"
    if plan.resume:
        task.training.restore(load_checkpoint(checkpoint, task.settings))
    elif checkpoint.exists() and not plan.overwrite:
        raise UsageError(
            f"{checkpoint.parent} holds an unfinished training: go on with --resume, or begin anew with "
            "--overwrite"
        )

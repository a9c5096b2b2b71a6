"""Training loop: restore a checkpoint, take steps, write checkpoints and cards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from impasto.atomic_files import only_writer
from impasto.errors import UsageError
from impasto.training.checkpoints import (
    CHECKPOINT,
    FINISHED,
    CheckpointManager,
    Product,
    TrainingPlan,
    load_checkpoint,
    restoring,
    workspace,
)
from impasto.training.distributed import is_restarted, mark_folder
from impasto.training.optimization import Training

B = TypeVar("B")

Batches = AbstractContextManager[Iterator[tuple[B, tuple[str, ...]]]]


@dataclass(frozen=True)
class TrainingTask(Generic[B]):
    """A training, ready to run.

    Attributes:
        training: network, objective and pace.
        settings: settings that must equal those of a checkpoint to resume it.
        held_out: held-out batch.
        unreadable: names of damaged photos found while making the held-out batch.
        batches: yields `accumulate` batches for each step, from a given step on, with names of damaged
            photos.
        product: writes the results.
    """

    training: Training[B]
    settings: Mapping[str, Any]
    held_out: B
    unreadable: tuple[str, ...]
    batches: Callable[[int], Batches[B]]
    product: Product[B]


def fit(task: TrainingTask[B], plan: TrainingPlan) -> None:
    """Train until the work is done or `plan.is_enough` returns True, and write the best card.

    Raises UsageError if another process is writing the card.
    """
    with only_writer(plan.out) if task.training.group.is_main_process else nullcontext():
        _fit(task, plan)


def _fit(task: TrainingTask[B], plan: TrainingPlan) -> None:
    training, unreadable = task.training, task.unreadable
    _restore(task, plan)
    with (
        closing(CheckpointManager(training, plan, task.settings, task.held_out, task.product)) as manager,
        task.batches(training.pace.step) as source,
    ):
        while not (training.pace.is_over or training.group.broadcast(plan.is_enough())):
            skipped: list[str] = []
            outcome = training.advance(_noting(skipped, source))
            manager.after(outcome, (*unreadable, *skipped))
            unreadable = ()
        manager.finish()


def _noting(skipped: list[str], source: Iterator[tuple[B, tuple[str, ...]]]) -> Iterator[B]:
    """Yield the batches, and append the names of damaged photos to a list."""
    for batch, names in source:
        skipped += names
        yield batch


def _restore(task: TrainingTask[B], plan: TrainingPlan) -> None:
    """Load the main process's checkpoint into all processes; the others need no access to its disk."""
    group = task.training.group
    if not group.is_same(len(plan.photos)):
        raise UsageError("the machines of this training hold different numbers of photos: give all the same")
    state = group.broadcast_object(_prepare_workspace(task, plan) if group.is_main_process else None)
    if state is not None:
        with restoring():
            task.training.restore(state)


def _prepare_workspace(task: TrainingTask[B], plan: TrainingPlan) -> Mapping[str, Any] | None:
    """Load the state to resume from, if any, and mark the folder as used by this run.

    Raises UsageError and WeightsError.
    """
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
            f"{folder} holds an unfinished training: go on with resume=True, or begin anew with "
            "overwrite=True"
        )
    if state is None:
        for stale in (checkpoint, finished):
            stale.unlink(missing_ok=True)
    mark_folder(folder)
    return state

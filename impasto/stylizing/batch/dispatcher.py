"""Hand work items out to a pool of workers until each has its outcome, which is reported exactly once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from impasto.stylizing.batch.completed import CompletedItems
from impasto.stylizing.batch.filesystems import is_url
from impasto.stylizing.batch.inputs import WorkItem
from impasto.stylizing.batch.pipeline import Event, Summary, make_folders
from impasto.stylizing.batch.pools import SerialPool, WorkerPool, default_size
from impasto.stylizing.batch.workers import Answer, ItemBatch, Task

_LARGEST_BATCH = 32
_ROUNDS = 8  # batches for each worker, so that none waits long for the last
_GIVEN_UP = "the worker that painted it died, at each of {} tries; it may take more memory than there is"


class Dispatcher:
    """One run over work items.

    Args:
        items: from `collect_work_items`.
        completed: finds what earlier runs did.
        on_event: called in this thread, once for each item.
    """

    def __init__(
        self,
        items: Sequence[WorkItem],
        completed: CompletedItems,
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        self._errands, self._completed, self._on_event = items, completed, on_event
        self._left: dict[int, WorkItem] = {}
        self._failed: dict[int, Event] = {}  # those that may go better
        self._is_retry = False
        self._notes: set[str] = set()
        self.summary = Summary()

    def skip_completed(self) -> int:
        """Report the items that are done already, and return how many are left."""
        for number, event in enumerate(self._completed.find(self._errands)):
            if event is None:
                self._left[number] = self._errands[number]
            else:
                self._tell(event)
        return len(self._left)

    def work(self, pool: WorkerPool, task: Task, size: int) -> Summary:
        """Have the rest done by a pool of `size` workers: in batches; items that failed once more, alone.

        Raises ImpastoError: a full disk, a folder or store that cannot be written to, a pool that cannot
        start. What is done stays done, and the same run goes on from there.
        """
        started = time.monotonic()
        make_folders(Path(e.target).parent for e in self._left.values() if not is_url(e.target))
        with closing(self._completed):
            if self._left:
                pool.work(task, _batches(self._left, size), self._receive)
            if self._left:
                self._is_retry = True
                pool.work(task, [[pair] for pair in self._left.items()], self._receive)
            for number, item in list(self._left.items()):
                self._give_up(number, item)
        self.summary.seconds = time.monotonic() - started
        return self.summary

    def _receive(self, answer: Answer) -> None:
        """Take an answer; a second one to the same item, of a worker that died late, is ignored."""
        if answer.number not in self._left:
            return
        if answer.event.passing and not self._is_retry:
            self._failed[answer.number] = answer.event
            return
        item = self._left.pop(answer.number)
        if answer.event.outcome == "done":
            self._completed.add(item, answer.length)
        self._tell(answer.event)

    def _give_up(self, number: int, item: WorkItem) -> None:
        del self._left[number]
        reason = f"{item.source} could not be stylized: {_GIVEN_UP.format('two')}"
        self._tell(self._failed.get(number) or Event(item, "failed", reason))

    def _tell(self, event: Event) -> None:
        """Report an outcome. Notes on masks come from each worker, and are passed on once."""
        fresh = tuple(note for note in event.notes if note not in self._notes)
        self._notes.update(fresh)
        event = replace(event, notes=fresh)
        self.summary.add(event)
        if self._on_event:
            self._on_event(event)


def _batches(items: Mapping[int, WorkItem], size: int) -> list[ItemBatch]:
    """Split items into batches that are small enough to keep all workers busy to the end."""
    length = max(1, min(_LARGEST_BATCH, len(items) // (_ROUNDS * size)))
    return list(_parts(list(items.items()), length))


def _parts(pairs: Sequence[tuple[int, WorkItem]], length: int) -> Iterator[ItemBatch]:
    for start in range(0, len(pairs), length):
        yield pairs[start : start + length]


def make_pool(address: str | None, size: int | None) -> WorkerPool:
    """Make a pool: of this process for None, of this machine for "auto", else of a Ray cluster.

    Raises MissingExtraError for an address where Ray is not installed.
    """
    if address is None:
        return SerialPool()
    from impasto.stylizing.batch.ray_pool import RayPool, is_installed

    if address != "auto":
        return RayPool(address, size)
    from impasto.stylizing.batch.pools import ProcessPool

    size = size or default_size()
    return RayPool(None, size) if is_installed() else ProcessPool(size)

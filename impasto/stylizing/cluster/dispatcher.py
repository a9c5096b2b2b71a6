"""Errands handed out to a crew until each has its outcome, which is told exactly once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from impasto.stylizing.bulk import Summary, make_folders
from impasto.stylizing.cluster.completed import Ledger
from impasto.stylizing.cluster.filesystems import is_url
from impasto.stylizing.cluster.pools import Alone, WorkerPool, default_size
from impasto.stylizing.cluster.task import Answer, ItemBatch, Task
from impasto.stylizing.inputs import WorkItem
from impasto.stylizing.pipeline import Event

_LARGEST_BATCH = 32
_ROUNDS = 8  # batches for each worker, so that none waits long for the last
_GIVEN_UP = "the worker that painted it died, at each of {} tries; it may take more memory than there is"


class Drive:
    """One run over errands.

    Args:
        errands: from `collect_work_items`.
        ledger: what is done already.
        on_event: called in this thread, once for each errand.
    """

    def __init__(
        self,
        errands: Sequence[WorkItem],
        ledger: Ledger,
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        self._errands, self._ledger, self._on_event = errands, ledger, on_event
        self._left: dict[int, WorkItem] = {}
        self._failed: dict[int, Event] = {}  # those that may go better
        self._again = False
        self._notes: set[str] = set()
        self.summary = Summary()

    def look(self) -> int:
        """Tell of what is done already; how many errands are left."""
        for number, event in enumerate(self._ledger.look(self._errands)):
            if event is None:
                self._left[number] = self._errands[number]
            else:
                self._tell(event)
        return len(self._left)

    def work(self, crew: WorkerPool, task: Task, size: int) -> Summary:
        """Have the rest done by a crew of so many workers: in batches, and what went wrong once more, alone.

        Raises ImpastoError: a full disk, a folder or store that cannot be written to, a crew that cannot be
        had. What is done stays done, and the same run goes on from there.
        """
        started = time.monotonic()
        make_folders(Path(e.target).parent for e in self._left.values() if not is_url(e.target))
        with closing(self._ledger):
            if self._left:
                crew.work(task, _batches(self._left, size), self._hear)
            if self._left:
                self._again = True
                crew.work(task, [[pair] for pair in self._left.items()], self._hear)
            for number, errand in list(self._left.items()):
                self._give_up(number, errand)
        self.summary.seconds = time.monotonic() - started
        return self.summary

    def _hear(self, answer: Answer) -> None:
        """A second answer to the same errand, of a worker that died late, is not told."""
        if answer.number not in self._left:
            return
        if answer.event.passing and not self._again:
            self._failed[answer.number] = answer.event
            return
        errand = self._left.pop(answer.number)
        if answer.event.outcome == "done":
            self._ledger.add(errand, answer.length)
        self._tell(answer.event)

    def _give_up(self, number: int, errand: WorkItem) -> None:
        del self._left[number]
        reason = f"{errand.source} could not be stylized: {_GIVEN_UP.format('two')}"
        self._tell(self._failed.get(number) or Event(errand, "failed", reason))

    def _tell(self, event: Event) -> None:
        """Notes on masks come from each worker, and are told once."""
        fresh = tuple(note for note in event.notes if note not in self._notes)
        self._notes.update(fresh)
        event = replace(event, notes=fresh)
        self.summary.add(event)
        if self._on_event:
            self._on_event(event)


def _batches(errands: Mapping[int, WorkItem], size: int) -> list[ItemBatch]:
    """Small enough that all workers have much the same to do."""
    length = max(1, min(_LARGEST_BATCH, len(errands) // (_ROUNDS * size)))
    return list(_parts(list(errands.items()), length))


def _parts(pairs: Sequence[tuple[int, WorkItem]], length: int) -> Iterator[ItemBatch]:
    for start in range(0, len(pairs), length):
        yield pairs[start : start + length]


def make_crew(address: str | None, size: int | None) -> WorkerPool:
    """A crew for --cluster: None is this process, "auto" this machine, else the address of a Ray cluster.

    Raises MissingExtraError for an address where Ray is not installed.
    """
    if address is None:
        return Alone()
    from impasto.stylizing.cluster.ray_pool import Rays, is_installed

    if address != "auto":
        return Rays(address, size)
    from impasto.stylizing.cluster.processes import Processes

    size = size or default_size()
    return Rays(None, size) if is_installed() else Processes(size)

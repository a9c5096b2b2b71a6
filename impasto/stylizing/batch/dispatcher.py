"""Hand work items out to a pool of workers until each has its outcome, which is reported exactly once."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from impasto.errors import ImageError
from impasto.imaging.files import short_hash
from impasto.stylizing.batch.filesystems import Store, is_url, store_of
from impasto.stylizing.batch.inputs import WorkItem
from impasto.stylizing.batch.pipeline import Event, ItemStatus, Summary, compare, failure, make_folders
from impasto.stylizing.batch.pools import SerialPool, WorkerPool, default_size
from impasto.stylizing.batch.workers import Answer, ItemBatch, Task
from impasto.stylizing.images import record_of
from impasto.stylizing.options import BulkOptions

_LARGEST_BATCH = 32
_ROUNDS = 8  # batches for each worker, so that none waits long for the last
_GIVEN_UP = "the worker that painted it died, at each of {} tries; it may take more memory than there is"
_THREADS, _AHEAD = 8, 256  # for requests to stores and disks


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


class CompletedItems:
    """Finds which work items were completed before, and remembers those that this run completes.

    Args:
        out: the folder of the results, if that is in a store: it is listed once, and keeps a manifest.
        style: what decides how a picture comes out, from `Stylizer.record`.
    """

    def __init__(self, out: str | None, style: dict[str, Any], options: BulkOptions) -> None:
        self._style, self._options = style, options
        self._listed: dict[str, int] = {}
        self._manifest: Manifest | None = None
        if out is not None:
            store = store_of(out)
            self._listed, self._manifest = store.find(out), Manifest(store, store.normal(out))
            self._manifest.read(self._listed)

    def find(self, items: Sequence[WorkItem]) -> Iterator[Event | None]:
        """Yield for each item, in order, None if it is to be done, else its outcome in an earlier run."""
        with ThreadPoolExecutor(_THREADS, "impasto-find") as threads:
            waiting = iter(items)
            while some := list(islice(waiting, _AHEAD)):
                yield from threads.map(self._find, some)

    def _find(self, item: WorkItem) -> Event | None:
        try:
            record = record_of(_length(item), self._style, self._options)
            there = None if self._options.overwrite else self._compare(item.target, record)
        except Exception as error:
            return failure(item, error)
        return None if there is None else Event(item, there)

    def _compare(self, target: str, record: dict[str, Any]) -> ItemStatus | None:
        """Compare an existing picture with its record; None where there is none."""
        if not is_url(target):
            return compare(Path(target), record, self._options) if Path(target).is_file() else None
        length = self._listed.get(target) if self._manifest else store_of(target).find(target).get(target)
        if length is None:
            return None
        entry = self._manifest.find(target) if self._manifest else None
        if entry and entry.length == length:
            return "skipped" if entry.digest == digest_of(record) else "kept"
        with TemporaryDirectory(prefix="impasto-") as folder:  # made by a run that was killed, or by others
            copy = Path(folder, PurePosixPath(target).name)
            store_of(target).fetch(target, copy)
            return compare(copy, record, self._options)

    def add(self, item: WorkItem, length: int) -> None:
        """Note a picture that was made, with its length in bytes."""
        if self._manifest and is_url(item.target):
            record = record_of(_length(item), self._style, self._options)
            self._manifest.add(item.target, Entry(length, digest_of(record)))

    def close(self) -> None:
        """Write the manifest. Raises ClusterError."""
        if self._manifest:
            self._manifest.close()


def _length(item: WorkItem) -> int:
    if item.length is not None:
        return item.length
    try:
        return Path(item.source).stat().st_size
    except OSError as error:
        raise ImageError(f"{item.source} cannot be read: {error.strerror or error}") from error


FOLDER = ".impasto"  # beside the pictures

_ENTRIES, _SECONDS = 2000, 30.0  # after which a part is written
_MOST_PARTS = 16  # more are joined in the end


@dataclass(frozen=True)
class Entry:
    """A picture: its length in bytes, and the digest of how it was made."""

    length: int
    digest: str


def digest_of(record: dict[str, Any]) -> str:
    """Hash a record to 16 hexadecimal digits."""
    return short_hash([json.dumps(record, sort_keys=True).encode()])


class Manifest:
    """Entries by URL. Stores cannot append, so that they are kept in parts, each of them a file of its own.

    A run that is killed has not written its last part: a picture without an entry has to be opened for its
    record.
    """

    def __init__(self, store: Store, root: str) -> None:
        self._store, self._root = store, root + "/"
        self._entries: dict[str, Entry] = {}
        self._fresh: dict[str, Entry] = {}
        self._parts: list[str] = []
        self._written = time.monotonic()

    def read(self, listed: dict[str, int]) -> None:
        """Read the parts that earlier runs left, among the listed files of the folder."""
        self._parts = sorted(url for url in listed if url.startswith(f"{self._root}{FOLDER}/done-"))
        for part in self._parts:
            for line in self._store.read(part).splitlines():
                self._take(line)

    def _take(self, line: bytes) -> None:
        """Parse a line of the manifest; skip damaged ones."""
        try:
            name, length, digest = json.loads(line)
            self._entries[self._root + name] = Entry(int(length), str(digest))
        except (ValueError, TypeError, ArithmeticError, RecursionError):
            return

    def find(self, url: str) -> Entry | None:
        """The entry of a picture, or None."""
        return self._entries.get(url)

    def add(self, url: str, entry: Entry) -> None:
        """Note a picture; a part is written now and then."""
        self._entries[url] = self._fresh[url] = entry
        if len(self._fresh) >= _ENTRIES or time.monotonic() - self._written > _SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what is new."""
        if self._fresh:
            self._write(self._fresh)
        self._fresh, self._written = {}, time.monotonic()

    def close(self) -> None:
        """Write what is new, and make one part of many."""
        self.flush()
        if len(self._parts) > _MOST_PARTS:
            old = tuple(self._parts)
            self._write(self._entries)
            for part in old:
                self._store.remove(part)

    def _write(self, entries: dict[str, Entry]) -> None:
        lines = [
            json.dumps([url.removeprefix(self._root), entry.length, entry.digest])
            for url, entry in entries.items()
        ]
        part = f"{self._root}{FOLDER}/done-{time.time_ns():020}-{secrets.token_hex(4)}.jsonl"
        self._store.write(part, "\n".join(lines).encode() + b"\n")
        self._parts.append(part)

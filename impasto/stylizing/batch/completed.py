"""Completed work items, of earlier runs and of this one, and the manifest that a store keeps of them."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from impasto.errors import ImageError
from impasto.stylizing.batch.filesystems import Store, is_url, store_of
from impasto.stylizing.batch.inputs import WorkItem
from impasto.stylizing.batch.pipeline import Event, ItemStatus, compare, failure
from impasto.stylizing.images import record_of
from impasto.stylizing.options import BulkOptions

_THREADS, _AHEAD = 8, 256  # for requests to stores and disks


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
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:16]


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

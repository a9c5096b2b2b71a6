"""Completed work items: earlier ones, and those of this run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from impasto.errors import ImageError
from impasto.stylizing.cluster.filesystems import is_url, store_of
from impasto.stylizing.cluster.manifest import Entry, Manifest, digest_of
from impasto.stylizing.images import record_of
from impasto.stylizing.inputs import WorkItem
from impasto.stylizing.options import BulkOptions
from impasto.stylizing.pipeline import Event, ItemStatus, compare, failure

_THREADS, _AHEAD = 8, 256  # for requests to stores and disks


class Ledger:
    """Tells what of many errands is left to do, and remembers what becomes of them.

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

    def look(self, errands: Sequence[WorkItem]) -> Iterator[Event | None]:
        """For each errand in turn: None if it is to be done, else what became of it before."""
        with ThreadPoolExecutor(_THREADS, "impasto-look") as threads:
            waiting = iter(errands)
            while some := list(islice(waiting, _AHEAD)):
                yield from threads.map(self._look, some)

    def _look(self, errand: WorkItem) -> Event | None:
        try:
            record = record_of(_length(errand), self._style, self._options)
            there = None if self._options.overwrite else self._compare(errand.target, record)
        except Exception as error:
            return failure(errand, error)
        return None if there is None else Event(errand, there)

    def _compare(self, target: str, record: dict[str, Any]) -> ItemStatus | None:
        """None where there is no picture."""
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

    def add(self, errand: WorkItem, length: int) -> None:
        """A picture was made, of so many bytes."""
        if self._manifest and is_url(errand.target):
            record = record_of(_length(errand), self._style, self._options)
            self._manifest.add(errand.target, Entry(length, digest_of(record)))

    def close(self) -> None:
        """Write what is to be remembered. Raises ClusterError."""
        if self._manifest:
            self._manifest.close()


def _length(errand: WorkItem) -> int:
    if errand.length is not None:
        return errand.length
    try:
        return Path(errand.source).stat().st_size
    except OSError as error:
        raise ImageError(f"{errand.source} cannot be read: {error.strerror or error}") from error

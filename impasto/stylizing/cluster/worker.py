"""One that paints: holds the networks, fetches photos, and puts pictures where they belong."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from impasto.errors import ClusterError
from impasto.stylizing.cluster.filesystems import is_url, store_of
from impasto.stylizing.cluster.task import Answer, ItemBatch, Task
from impasto.stylizing.images import Large
from impasto.stylizing.inputs import Item, WorkItem
from impasto.stylizing.options import BulkOptions
from impasto.stylizing.pipeline import Event, Photo, Pipeline, failure
from impasto.stylizing.stylizer import Stylizer


class Worker:
    """Makes the stylizer once, then batch after batch. What is there already is made again.

    As a context, it removes its copies of masks in the end.

    Raises ImpastoError: the stylizer cannot be made here, or by this version.
    """

    def __init__(self, task: Task) -> None:
        if task.version != version("impasto"):
            raise ClusterError(
                f"a worker has impasto {version('impasto')}, not {task.version}: install the same everywhere"
            )
        torch.set_num_threads(task.threads)
        self._folder = TemporaryDirectory(prefix="impasto-")
        try:
            self._stylizer = task.look.stylizer(Path(self._folder.name))
        except BaseException:
            self._folder.cleanup()
            raise
        self._options = replace(task.options, overwrite=True)
        self._told = set(self._stylizer.notes)
        self._name = f"{socket.gethostname()}:{os.getpid()}"

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def __call__(self, batch: ItemBatch, tell: Callable[[Answer], None]) -> None:
        """Tell what became of each errand. Raises ImageError where a disk is full."""
        with TemporaryDirectory(prefix="impasto-") as folder:
            legs = [_leg(number, errand, Path(folder)) for number, errand in batch]
            lengths: dict[int, int] = {}

            def hear(event: Event) -> None:
                leg, notes = _as_local_copy(event.item), self._new_notes()
                told = _in_its_words(replace(event, notes=(*event.notes, *notes)), leg)
                tell(Answer(leg.number, told, lengths.get(leg.number, 0), self._name))

            Transfer(self._stylizer, self._options, hear, lengths).work(legs)

    def _new_notes(self) -> list[str]:
        """Of the stylizer: on masks, say."""
        fresh = [note for note in self._stylizer.notes if note not in self._told]
        self._told.update(fresh)
        return fresh


@dataclass(frozen=True)
class LocalCopy(Item):
    """An errand as files of this machine: its own, or copies."""

    number: int
    errand: WorkItem


class Transfer(Pipeline):
    """A pipeline whose readers fetch the photos first, and whose writers put the pictures in the end."""

    def __init__(
        self,
        stylizer: Stylizer,
        options: BulkOptions,
        tell: Callable[[Event], None],
        lengths: dict[int, int],
    ) -> None:
        super().__init__(stylizer, options, tell)
        self._lengths = lengths  # of pictures, by number

    def _read(self, item: Item) -> Photo | Event:
        try:
            leg = _as_local_copy(item)
            if is_url(leg.errand.source):
                store_of(leg.errand.source).fetch(leg.errand.source, leg.source)
            if is_url(leg.errand.target):
                leg.target.parent.mkdir(parents=True, exist_ok=True)
        except Exception as error:
            return failure(item, error)
        return super()._read(item)

    def _write(self, photo: Photo, picture: Tensor | Large) -> Event:
        event, leg = super()._write(photo, picture), _as_local_copy(photo.item)
        if event.outcome != "done":
            return event
        try:
            self._lengths[leg.number] = leg.target.stat().st_size
            if is_url(leg.errand.target):
                store_of(leg.errand.target).put(leg.target, leg.errand.target)
        except Exception as error:
            return failure(leg, error)
        return event


def _as_local_copy(item: Item | WorkItem) -> LocalCopy:
    if not isinstance(item, LocalCopy):
        raise TypeError(f"{item} is no leg of an errand")
    return item


def _leg(number: int, errand: WorkItem, folder: Path) -> LocalCopy:
    source, target = (
        folder / f"{number}-{kind}" / PurePosixPath(text).name if is_url(text) else Path(text)
        for kind, text in (("photo", errand.source), ("picture", errand.target))
    )
    return LocalCopy(source, target, number, errand)


def _in_its_words(event: Event, leg: LocalCopy) -> Event:
    """With the errand's names in the place of those of the copies."""

    def named(text: str) -> str:
        return text.replace(str(leg.source), leg.errand.source).replace(str(leg.target), leg.errand.target)

    return replace(event, item=leg.errand, reason=named(event.reason), notes=tuple(map(named, event.notes)))

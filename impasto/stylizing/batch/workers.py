"""Workers: the task and answers that are sent to them and back, and what each does with a batch of items.

A worker holds the networks, fetches photos from stores, and puts pictures there.
"""

from __future__ import annotations

import os
import pickle
import socket
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from impasto.device import DeviceName, PrecisionName
from impasto.errors import ClusterError
from impasto.networks.card import Card
from impasto.stylizing.batch.filesystems import is_url, store_of
from impasto.stylizing.batch.inputs import Item, WorkItem
from impasto.stylizing.batch.pipeline import Event, Photo, Pipeline, failure
from impasto.stylizing.images import Large
from impasto.stylizing.options import BulkOptions, StyleControls
from impasto.stylizing.runtime import RuntimeName
from impasto.stylizing.stylizer import Stylizer

Cards = tuple[tuple[Card, float], ...]  # with their shares
ItemBatch = Sequence[tuple[int, WorkItem]]  # work items with their numbers


@dataclass(frozen=True)
class PictureBytes:
    """A file's name and bytes: workers need not see the disk that it is on."""

    name: str
    data: bytes = field(repr=False)

    @classmethod
    def read(cls, path: str | Path) -> PictureBytes:
        return cls(Path(path).name, Path(path).read_bytes())

    def write(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / self.name
        path.write_bytes(self.data)
        return path


@dataclass(frozen=True)
class StylizerConfig:
    """The arguments of a `Stylizer`, with cards and masks in the place of their names."""

    styles: Cards
    strength: float = 1.0
    mask: PictureBytes | None = None
    regions: tuple[tuple[PictureBytes, Cards], ...] = ()
    controls: StyleControls = field(default_factory=StyleControls)
    device: DeviceName = "auto"
    precision: PrecisionName = "auto"
    runtime: RuntimeName = "auto"

    def stylizer(self, folder: Path) -> Stylizer:
        """Make the stylizer; masks are kept in a folder, which must exist as long as it is used."""
        return Stylizer(
            list(self.styles) or None,
            self.strength,
            mask=None if self.mask is None else self.mask.write(folder / "mask"),
            region=[
                (picture.write(folder / f"region-{number}"), list(cards))
                for number, (picture, cards) in enumerate(self.regions)
            ],
            device=self.device,
            precision=self.precision,
            runtime=self.runtime,
            **asdict(self.controls),
        )


@dataclass(frozen=True)
class Task:
    """Configuration shared by all workers of a run.

    Attributes:
        threads: processors that one worker computes on.
        version: of impasto, which has to be the same everywhere.
    """

    config: StylizerConfig
    options: BulkOptions
    threads: int = 1
    version: str = field(default_factory=lambda: version("impasto"))


def packed(task: Task) -> bytes:
    """Pickle a task. Sent as objects between processes, its tensors would be shared through open files."""
    return pickle.dumps(task)


def unpacked(data: bytes) -> Task:
    """Unpickle the task of `packed`, in a process that this program started."""
    task = pickle.loads(data)
    if not isinstance(task, Task):
        raise TypeError(f"{type(task).__name__} is no task")
    return task


@dataclass(frozen=True)
class Answer:
    """Result of one work item: its number, event, picture bytes, and worker."""

    number: int
    event: Event
    length: int = 0
    worker: str = ""


class Worker:
    """Makes the stylizer once, then stylizes batch after batch, also what exists already.

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
            self._stylizer = task.config.stylizer(Path(self._folder.name))
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
        """Stylize a batch, and answer for each item. Raises ImageError where a disk is full."""
        with TemporaryDirectory(prefix="impasto-") as folder:
            copies = [_local_copy(number, item, Path(folder)) for number, item in batch]
            lengths: dict[int, int] = {}

            def answer(event: Event) -> None:
                copy, notes = _as_local_copy(event.item), self._new_notes()
                renamed = _with_item_names(replace(event, notes=(*event.notes, *notes)), copy)
                tell(Answer(copy.number, renamed, lengths.get(copy.number, 0), self._name))

            Transfer(self._stylizer, self._options, answer, lengths).work(copies)

    def _new_notes(self) -> list[str]:
        """Notes of the stylizer, such as on masks, that were not passed on yet."""
        fresh = [note for note in self._stylizer.notes if note not in self._told]
        self._told.update(fresh)
        return fresh


@dataclass(frozen=True)
class LocalCopy(Item):
    """A work item as files of this machine: its own, or copies of those in a store."""

    number: int
    item: WorkItem


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
            copy = _as_local_copy(item)
            if is_url(copy.item.source):
                store_of(copy.item.source).fetch(copy.item.source, copy.source)
            if is_url(copy.item.target):
                copy.target.parent.mkdir(parents=True, exist_ok=True)
        except Exception as error:
            return failure(item, error)
        return super()._read(item)

    def _write(self, photo: Photo, picture: Tensor | Large) -> Event:
        event, copy = super()._write(photo, picture), _as_local_copy(photo.item)
        if event.outcome != "done":
            return event
        try:
            self._lengths[copy.number] = copy.target.stat().st_size
            if is_url(copy.item.target):
                store_of(copy.item.target).put(copy.target, copy.item.target)
        except Exception as error:
            return failure(copy, error)
        return event


def _as_local_copy(item: Item | WorkItem) -> LocalCopy:
    if not isinstance(item, LocalCopy):
        raise TypeError(f"{item} has no local copy")
    return item


def _local_copy(number: int, item: WorkItem, folder: Path) -> LocalCopy:
    source, target = (
        folder / f"{number}-{kind}" / PurePosixPath(text).name if is_url(text) else Path(text)
        for kind, text in (("photo", item.source), ("picture", item.target))
    )
    return LocalCopy(source, target, number, item)


def _with_item_names(event: Event, copy: LocalCopy) -> Event:
    """The event with the names of the work item in the place of those of its copies."""

    def named(text: str) -> str:
        return text.replace(str(copy.source), copy.item.source).replace(str(copy.target), copy.item.target)

    return replace(event, item=copy.item, reason=named(event.reason), notes=tuple(map(named, event.notes)))

"""Stylize many photos in one process: it reads, applies the network and writes at the same time.

What fails is recorded, what is done is skipped, and no picture is ever half there.
"""

from __future__ import annotations

import errno
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import prod
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from impasto.device import ran_out_of_memory
from impasto.errors import ClusterError, ImageError, ImpastoError, MemoryLimitError
from impasto.imaging import io
from impasto.imaging.files import check_target
from impasto.stylizing.batch.inputs import Item, WorkItem
from impasto.stylizing.images import Large, is_made, make_record, read_photo, write_picture
from impasto.stylizing.options import BulkOptions
from impasto.stylizing.stylizer import Stylizer
from impasto.stylizing.threads import Executor, InlineExecutor, ThreadExecutor

ItemStatus = Literal["done", "skipped", "kept", "failed"]

_THREADS = 2  # for reading, and for writing
_AHEAD = 3  # pictures read or waiting to be written
_PIXELS_AHEAD = 50_000_000  # fewer pictures ahead if they are large


@dataclass(frozen=True)
class Event:
    """Result of one photo.

    `outcome` is "done"; "skipped": its picture was made before, just so; "kept": there is a file of that name
    which was made otherwise, and which stays; or "failed", with a sentence in `reason`. `size` is
    (height, width) of what was done, `notes` what the user should hear; `passing` tells of a failure that
    another try may not meet.
    """

    item: Item | WorkItem
    outcome: ItemStatus
    reason: str = ""
    size: tuple[int, int] = (0, 0)
    notes: tuple[str, ...] = ()
    passing: bool = False


@dataclass(frozen=True)
class Photo:
    """A photo that was read, and the record for its picture."""

    item: Item
    image: Tensor | Large
    info: io.ImageInfo
    record: dict[str, Any]


class Pipeline:
    """Stylizes photos, and calls `tell` in this thread with the result of each, in their order.

    What fails is told and stops nothing, but for a full disk, which raises ImageError.
    """

    def __init__(self, stylizer: Stylizer, options: BulkOptions, tell: Callable[[Event], None]) -> None:
        self._stylizer, self._options, self._tell = stylizer, options, tell
        self._style = stylizer.record()
        self._writing: deque[Callable[[], Event]] = deque()
        self._ahead = 1  # until the size of a picture is known

    def work(self, items: Sequence[Item]) -> None:
        """Stylize all items. However it ends, what is being written is finished first."""
        with (
            self._executor("impasto-write", items) as writers,
            self._executor("impasto-read", items) as readers,
        ):
            try:
                for photo in self._read_ahead(items, readers):
                    self._handle(photo, writers)
            finally:
                readers.cancel_waiting()
                self._settle(0)

    def _executor(self, name: str, items: Sequence[Item]) -> Executor:
        return InlineExecutor() if len(items) == 1 else ThreadExecutor(_THREADS, name)

    def _handle(self, photo: Photo | Event, writers: Executor) -> None:
        """Stylize a photo, and hand it to a writer, while pictures before it are still being written."""
        if isinstance(photo, Event):
            self._tell(photo)
            return
        if isinstance(photo.image, Large):  # which is written while it is painted
            self._settle(0)
            self._tell(self._write(photo, photo.image))
            return
        try:
            picture = self._stylizer.picture(photo.image, photo.info.alpha)
        except Exception as error:  # nothing that one photo can do may stop the others
            self._tell(failure(photo.item, error))
            return
        self._writing.append(writers.submit(self._write, photo, picture))
        self._settle(self._ahead - 1)

    def _read_ahead(self, items: Sequence[Item], readers: Executor) -> Iterator[Photo | Event]:
        waiting, reading = iter(items), deque[Callable[[], Photo | Event]]()
        while True:
            missing = max(0, self._ahead - len(reading))
            reading.extend(readers.submit(self._read, item) for item in islice(waiting, missing))
            if not reading:
                return
            photo = reading.popleft()()
            pixels = prod(photo.info.size) if isinstance(photo, Photo) else 0
            self._ahead = min(_AHEAD, max(1, _PIXELS_AHEAD // (pixels + 1)))
            yield photo

    def _read(self, item: Item) -> Photo | Event:
        try:
            record = make_record(item.source, self._style, self._options)
            if item.target.is_file() and not self._options.overwrite:
                return Event(item, compare(item.target, record, self._options))
            image, info = read_photo(item.source, item.target, self._stylizer, self._options)
            return Photo(item, image, info, record)
        except Exception as error:
            return failure(item, error)

    def _write(self, photo: Photo, picture: Tensor | Large) -> Event:
        try:
            write_picture(photo.item.target, picture, photo.info, photo.record, self._options)
            return Event(photo.item, "done", size=photo.info.size, notes=photo.info.notes)
        except Exception as error:
            if is_disk_full(error):
                raise  # the next ones would not fit either
            return failure(photo.item, error)

    def _settle(self, most: int) -> None:
        """Wait until at most so many pictures are still to be written."""
        while len(self._writing) > most:
            self._tell(self._writing.popleft()())


def is_disk_full(error: BaseException) -> bool:
    """Return whether a file could not be written because there is no room for it."""
    return isinstance(error.__cause__, OSError) and error.__cause__.errno in (errno.ENOSPC, errno.EDQUOT)


def compare(target: Path, record: dict[str, Any], options: BulkOptions) -> ItemStatus:
    """Decide what an existing picture means. One without a record counts as ours if records are off."""
    made = is_made(target, record)
    return "skipped" if made or (made is None and options.strip_metadata) else "kept"


def failure(item: Item | WorkItem, error: Exception) -> Event:
    """Describe the failure of a photo."""
    if isinstance(error, ImpastoError):
        passing = isinstance(error, MemoryLimitError | ClusterError)
        return Event(item, "failed", str(error), passing=passing)
    said = " ".join(str(error).splitlines())  # PyTorch's have several
    reason = f"{item.source} could not be stylized ({type(error).__name__}: {said})"
    if ran_out_of_memory(error):
        reason = f"memory ran out for {item.source}: try a smaller size"
    return Event(item, "failed", reason, passing=True)


@dataclass
class Summary:
    """Summary of a run: counts, files that were kept, failed photos with reasons."""

    done: int = 0
    skipped: int = 0
    kept: list[Path | str] = field(default_factory=list)
    failed: list[tuple[Path | str, str]] = field(default_factory=list)
    seconds: float = 0.0
    megapixels: float = 0.0

    def add(self, event: Event) -> None:
        self.done += event.outcome == "done"
        self.skipped += event.outcome == "skipped"
        self.megapixels += event.size[0] * event.size[1] / 1e6
        if event.outcome == "kept":
            self.kept.append(event.item.target)
        if event.outcome == "failed":
            self.failed.append((event.item.source, event.reason))


def stylize_all(
    items: Sequence[Item],
    stylizer: Stylizer,
    options: BulkOptions | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> Summary:
    """Stylize the photos of `collect`, each into its own file, which appears whole or not at all.

    What fails is recorded and stops nothing, but for a full disk, or a folder that cannot be written to,
    which raise ImageError. After a KeyboardInterrupt what is being written is finished, then it goes on its
    way. `on_event` is called in this thread, once per photo.
    """
    options, summary, started = options or BulkOptions(), Summary(), time.monotonic()
    make_folders(item.target.parent for item in items)

    def tell(event: Event) -> None:
        summary.add(event)
        if on_event:
            on_event(event)

    Pipeline(stylizer, options, tell).work(items)
    summary.seconds = time.monotonic() - started
    return summary


def make_folders(folders: Iterable[Path]) -> None:
    """Make missing folders. Raises ImageError for a folder that cannot be made or written to."""
    for folder in sorted(set(folders)):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ImageError(f"the folder {folder} cannot be made: {error.strerror or error}") from error
        check_target(folder / "picture.png")

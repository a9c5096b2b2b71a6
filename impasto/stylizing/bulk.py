"""Any number of files: reading, the network and writing overlap, a few pictures are in memory at a time."""

from __future__ import annotations

import errno
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from impasto.errors import ImageError, ImpastoError
from impasto.imaging import io
from impasto.imaging.files import check_target
from impasto.stylizing.images import is_made, make_record, read_photo, write_picture
from impasto.stylizing.inputs import Item
from impasto.stylizing.options import BulkOptions
from impasto.stylizing.stylizer import Stylizer

Outcome = Literal["done", "skipped", "kept", "failed"]

_THREADS = 2  # for reading, and for writing
_AHEAD = 3  # pictures read or waiting to be written
_PIXELS_AHEAD = 50_000_000  # fewer pictures ahead if they are large


@dataclass(frozen=True)
class Event:
    """What became of one photo.

    `outcome` is "done"; "skipped": its picture was made before, just so; "kept": there is a file of that name
    which was made otherwise, and which stays; or "failed", with a sentence in `reason`. `size` is
    (height, width) of what was done, `notes` what the user should hear.
    """

    item: Item
    outcome: Outcome
    reason: str = ""
    size: tuple[int, int] = (0, 0)
    notes: tuple[str, ...] = ()


@dataclass
class Summary:
    """What became of all: numbers, the files that were kept, the photos that failed with the reasons."""

    done: int = 0
    skipped: int = 0
    kept: list[Path] = field(default_factory=list)
    failed: list[tuple[Path, str]] = field(default_factory=list)
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
    """Stylise the photos of `collect`, each into its own file, which appears whole or not at all.

    What fails is recorded and stops nothing, but for a full disk, or a folder that cannot be written to,
    which raise ImageError. After a KeyboardInterrupt what is being written is finished, then it goes on its
    way. `on_event` is called in this thread, once per photo.
    """
    options, summary, started = options or BulkOptions(), Summary(), time.monotonic()
    _make_folders(items)

    def tell(event: Event) -> None:
        summary.add(event)
        if on_event:
            on_event(event)

    _Run(stylizer, options, tell).work(items)
    summary.seconds = time.monotonic() - started
    return summary


def _make_folders(items: Iterable[Item]) -> None:
    for folder in sorted({item.target.parent for item in items}):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ImageError(f"the folder {folder} cannot be made: {error.strerror or error}") from error
        check_target(folder / "picture.png")


@dataclass(frozen=True)
class _Photo:
    item: Item
    image: Tensor
    info: io.ImageInfo
    record: dict[str, Any]


class _Run:
    def __init__(self, stylizer: Stylizer, options: BulkOptions, tell: Callable[[Event], None]) -> None:
        self._stylizer, self._options, self._tell = stylizer, options, tell
        self._style = stylizer.record()
        self._writing: deque[Future[Event]] = deque()
        self._ahead = 1  # until the size of a picture is known

    def work(self, items: Iterable[Item]) -> None:
        with (
            ThreadPoolExecutor(_THREADS, "impasto-write") as writers,
            ThreadPoolExecutor(_THREADS, "impasto-read") as readers,
        ):
            try:
                for photo in self._read_ahead(items, readers):
                    self._handle(photo, writers)
            finally:
                readers.shutdown(cancel_futures=True)
                self._settle(0)

    def _handle(self, photo: _Photo | Event, writers: ThreadPoolExecutor) -> None:
        """Draw what was read, and hand it on. Pictures before it are still being written."""
        if isinstance(photo, Event):
            self._tell(photo)
            return
        try:
            picture = self._stylizer.picture(photo.image, photo.info.alpha)
        except Exception as error:  # nothing that one photo can do may stop the others
            self._tell(_failure(photo.item, error))
            return
        self._writing.append(writers.submit(self._write, photo, picture))
        self._settle(self._ahead - 1)

    def _read_ahead(self, items: Iterable[Item], readers: ThreadPoolExecutor) -> Iterator[_Photo | Event]:
        waiting, reading = iter(items), deque[Future[_Photo | Event]]()
        while True:
            missing = max(0, self._ahead - len(reading))
            reading.extend(readers.submit(self._read, item) for item in islice(waiting, missing))
            if not reading:
                return
            photo = reading.popleft().result()
            pixels = photo.image[0].numel() if isinstance(photo, _Photo) else 0
            self._ahead = min(_AHEAD, max(1, _PIXELS_AHEAD // (pixels + 1)))
            yield photo

    def _read(self, item: Item) -> _Photo | Event:
        try:
            record = make_record(item.source, self._style, self._options)
            if item.target.is_file() and not self._options.overwrite:
                return self._compare(item, record)
            return _Photo(item, *read_photo(item.source, self._options), record)
        except Exception as error:
            return _failure(item, error)

    def _compare(self, item: Item, record: dict[str, Any]) -> Event:
        """With what is there. A picture without a record is taken for ours where we write none."""
        made = is_made(item.target, record)
        return Event(item, "skipped" if made or (made is None and self._options.strip_metadata) else "kept")

    def _write(self, photo: _Photo, picture: Tensor) -> Event:
        try:
            write_picture(photo.item.target, picture, photo.info, photo.record, self._options)
            return Event(photo.item, "done", size=photo.info.size, notes=photo.info.notes)
        except Exception as error:
            if isinstance(error.__cause__, OSError) and error.__cause__.errno in (errno.ENOSPC, errno.EDQUOT):
                raise  # the next ones would not fit either
            return _failure(photo.item, error)

    def _settle(self, most: int) -> None:
        """Wait until at most so many pictures are still to be written."""
        while len(self._writing) > most:
            self._tell(self._writing.popleft().result())


def _failure(item: Item, error: Exception) -> Event:
    if isinstance(error, ImpastoError):
        return Event(item, "failed", str(error))
    return Event(item, "failed", f"{item.source} could not be stylised ({type(error).__name__}: {error})")

"""Reading, the network and writing at the same time, with a few pictures in memory."""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from math import prod
from typing import Any, Literal

from torch import Tensor

from impasto.errors import ImpastoError
from impasto.imaging import io
from impasto.stylizing.images import Large, is_made, make_record, read_photo, write_picture
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


@dataclass(frozen=True)
class _Photo:
    item: Item
    image: Tensor | Large
    info: io.ImageInfo
    record: dict[str, Any]


class Pipeline:
    """Works through photos, and calls `tell` in this thread with what became of each, in their order.

    What fails is told and stops nothing, but for a full disk, which raises ImageError.
    """

    def __init__(self, stylizer: Stylizer, options: BulkOptions, tell: Callable[[Event], None]) -> None:
        self._stylizer, self._options, self._tell = stylizer, options, tell
        self._style = stylizer.record()
        self._writing: deque[Future[Event]] = deque()
        self._ahead = 1  # until the size of a picture is known

    def work(self, items: Sequence[Item]) -> None:
        """All of them. However it ends, what is being written is finished first."""
        threads = _Here if len(items) == 1 else ThreadPoolExecutor
        with threads(_THREADS, "impasto-write") as writers, threads(_THREADS, "impasto-read") as readers:
            try:
                for photo in self._read_ahead(items, readers):
                    self._handle(photo, writers)
            finally:
                readers.shutdown(cancel_futures=True)
                self._settle(0)

    def _handle(self, photo: _Photo | Event, writers: Executor) -> None:
        """Draw what was read, and hand it on. Pictures before it are still being written."""
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
            self._tell(_failure(photo.item, error))
            return
        self._writing.append(writers.submit(self._write, photo, picture))
        self._settle(self._ahead - 1)

    def _read_ahead(self, items: Sequence[Item], readers: Executor) -> Iterator[_Photo | Event]:
        waiting, reading = iter(items), deque[Future[_Photo | Event]]()
        while True:
            missing = max(0, self._ahead - len(reading))
            reading.extend(readers.submit(self._read, item) for item in islice(waiting, missing))
            if not reading:
                return
            photo = reading.popleft().result()
            pixels = prod(photo.info.size) if isinstance(photo, _Photo) else 0
            self._ahead = min(_AHEAD, max(1, _PIXELS_AHEAD // (pixels + 1)))
            yield photo

    def _read(self, item: Item) -> _Photo | Event:
        try:
            record = make_record(item.source, self._style, self._options)
            if item.target.is_file() and not self._options.overwrite:
                return self._compare(item, record)
            image, info = read_photo(item.source, item.target, self._stylizer, self._options)
            return _Photo(item, image, info, record)
        except Exception as error:
            return _failure(item, error)

    def _compare(self, item: Item, record: dict[str, Any]) -> Event:
        """With what is there. A picture without a record is taken for ours where we write none."""
        made = is_made(item.target, record)
        return Event(item, "skipped" if made or (made is None and self._options.strip_metadata) else "kept")

    def _write(self, photo: _Photo, picture: Tensor | Large) -> Event:
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


class _Here(Executor):
    """Does at once what it is asked for: with a single photo, threads would only cost memory."""

    def __init__(self, threads: int, name: str) -> None:
        pass

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **options: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(work(*arguments, **options))
        return done

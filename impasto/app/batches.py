"""Stylize many photos in one style, and write them into one ZIP file."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile

from impasto.app.decoding import check_decoding
from impasto.app.inference import check_pictures, file_name, fitted, stylizer_of
from impasto.app.jobs import BackgroundJob
from impasto.app.limits import Limits
from impasto.app.look import StyleRequest
from impasto.app.sessions import Session
from impasto.errors import ImpastoError, UsageError
from impasto.imaging import io
from impasto.imaging.geometry import fit_long_side, resize
from impasto.imaging.sources import find_size
from impasto.stylizing.images import stylize_file
from impasto.stylizing.options import ImageOptions

_SHOWN = 12  # newest pictures that the page shows
_SMALL = 240  # long side of each, in pixels
_QUALITY = 95  # of JPEG and WebP in the ZIP file
_NAMED = 4  # photos that cannot be read; further ones are counted


@dataclass(frozen=True)
class BatchNews:
    """Progress of a batch.

    Attributes:
        photos: number of all photos.
        done: number of photos so far.
        pictures: number of pictures so far: fewer, if photos cannot be read.
        left: estimated seconds until the end; None before the first picture.
        shown: small pictures of the newest results with the names of their files, the newest first.
        archive: the ZIP file, in the last report, if there is a picture in it.
        seconds: time so far.
        is_over: True in the last report.
        notes: messages for the visitor, such as which photos cannot be read.
    """

    photos: int
    done: int = 0
    pictures: int = 0
    left: float | None = None
    shown: tuple[tuple[Path, str], ...] = ()
    archive: Path | None = None
    seconds: float = 0.0
    is_over: bool = False
    notes: tuple[str, ...] = ()


def stylize_all(
    visit: Session, photos: Sequence[Path], look: StyleRequest, limits: Limits
) -> BackgroundJob[BatchNews]:
    """Start to stylize photos at their own sizes, with their metadata.

    A photo that cannot be read is left out and named. If the job is stopped or runs out of time, the ZIP
    file has the pictures so far.

    Raises ImpastoError for a request that cannot be met, before it waits for its turn.
    """
    if not photos:
        raise UsageError("drop some photos first")
    if len(photos) > limits.batch_photos:
        raise UsageError(
            f"{len(photos)} photos are more than the limit of {limits.batch_photos} here: choose fewer"
        )
    check_pictures(look, limits)

    def work(job: BackgroundJob[BatchNews]) -> None:
        _BatchTask(visit, photos, look, limits, job).run()

    return visit.start("batch", work, sum(map(_pixels, photos)))


def _pixels(photo: Path) -> float:
    """Return the number of a photo's pixels; 0 for a file that is not a picture."""
    try:
        return float(math.prod(find_size(photo)))
    except ImpastoError:
        return 0.0


class _BatchTask:
    """A batch in progress."""

    def __init__(
        self,
        visit: Session,
        photos: Sequence[Path],
        look: StyleRequest,
        limits: Limits,
        job: BackgroundJob[BatchNews],
    ) -> None:
        self._photos, self._look, self._limits, self._job = photos, look, limits, job
        self._folder = visit.room("batches")
        self._options = ImageOptions(quality=_QUALITY, max_pixels=limits.pixels)
        self._names: set[str] = set()
        self._shown: list[tuple[Path, str]] = []
        self._left_out: list[str] = []
        self._ending = ""
        self._started = time.monotonic()

    def run(self) -> None:
        """Make the pictures, and report after each."""
        archive = self._folder / f"{self._look.name.replace(' ', '-')}.zip"
        self._report(0)
        stylizer = stylizer_of(self._look)
        done = 0
        with ZipFile(archive, "w", ZIP_STORED) as pictures:  # they do not become smaller
            for done, photo in enumerate(self._photos, 1):
                target = self._folder / self._free_name(photo)
                try:
                    check_decoding(photo, self._limits)
                    stylize_file(photo, target, stylizer, self._options)
                except ImpastoError as error:
                    self._left_out.append(f"left out: {error}")
                else:
                    pictures.write(target, target.name)
                    self._show(target)
                    target.unlink()
                if self._is_over(done):
                    break
                self._report(done)
        self._report(done, archive if self._names else None, is_over=True)

    def _show(self, picture: Path) -> None:
        """Write a small picture of a result for the page."""
        self._names.add(picture.name)
        image, info = io.read(picture)
        size = fit_long_side(info.size, min(_SMALL, max(info.size)))
        small = self._folder / f"{len(self._names)}.jpg"
        io.write(small, resize(image[None], size)[0], alpha=fitted(info.alpha, size))
        self._shown = [(small, picture.name), *self._shown][:_SHOWN]

    def _is_over(self, done: int) -> bool:
        """Return whether to end, and note why if photos are left."""
        if done == len(self._photos):
            return True
        is_late = self._seconds > 60 * self._limits.job_minutes
        if not is_late and not self._job.stop.is_set():
            return False
        why = "out of time" if is_late else "stopped"
        self._ending = f"{why} after {done} of {len(self._photos)} photos"
        return True

    def _free_name(self, photo: Path) -> str:
        """Return the name of a photo's picture, with a number if another photo has it."""
        first = Path(file_name(photo, self._look))
        tries = (first.name, *(f"{first.stem}-{number}{first.suffix}" for number in range(2, 10**6)))
        return next(name for name in tries if name not in self._names)

    def _notes(self) -> tuple[str, ...]:
        """Return what to tell in the end: of the photos that are left out, the first few by name."""
        named, others = self._left_out[:_NAMED], len(self._left_out[_NAMED:])
        more = f"left out: {others} more that cannot be read" if others else ""
        return tuple(filter(None, (*named, more, self._ending)))

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._started

    def _report(self, done: int, archive: Path | None = None, *, is_over: bool = False) -> None:
        left = self._seconds / done * (len(self._photos) - done) if done else None
        notes = self._notes() if is_over else ()
        batch = BatchNews(
            len(self._photos), done, len(self._names), left, tuple(self._shown), archive, self._seconds,
            is_over, notes,
        )  # fmt: skip
        self._job.tell(batch, left)

"""Paint photos for the page: intermediate pictures while it runs, and a result even if it is stopped."""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from torch import Tensor

from impasto import backbones
from impasto.app.inference import check_picture, check_pictures, fitted, show, shown_size
from impasto.app.jobs import BackgroundJob
from impasto.app.limits import Limits
from impasto.app.look import StyleRequest
from impasto.app.sessions import Result, Session
from impasto.backbones import Backbone
from impasto.errors import DivergenceError
from impasto.imaging import io
from impasto.imaging.animation import AnimationWriter
from impasto.imaging.geometry import resize
from impasto.imaging.sources import find_size
from impasto.painting.paint import Painter
from impasto.painting.scales import plan
from impasto.perception import resolve_layers
from impasto.progress import Step

_BETWEEN = 0.5  # seconds between two sketches
_FILM = ".webp"


@dataclass(frozen=True)
class Sketch:
    """An intermediate or final state of a painting.

    Attributes:
        done: share of the work, 0 to 1.
        left: estimated seconds until the end.
        shown: the photo and the picture so far, at one size.
        result: the kept result, in the last state only.
        notes: messages for the visitor, such as why it ended early.
    """

    done: float
    left: float
    shown: tuple[Path, Path]
    result: Result | None = None
    notes: tuple[str, ...] = ()


def paint(visit: Session, photo: Path, look: StyleRequest, limits: Limits) -> BackgroundJob[Sketch]:
    """Start a painting, which reports twice a second; if stopped or out of time, it keeps the picture so far.

    Raises ImpastoError for a request that cannot be painted, before it waits for its turn.
    """
    look = replace(look, size=min(look.size, limits.painting_size))
    amount = work_of(photo, look, limits)

    def work(job: BackgroundJob[Sketch]) -> None:
        painter = Painter(photo, look.pictures, look.painting(), max_pixels=limits.pixels)
        _Painting(visit, photo, look, painter, job).run(60 * limits.job_minutes)

    return visit.start("painting", work, amount)


def work_of(photo: Path, look: StyleRequest, limits: Limits) -> float:
    """Check a request; return the pixels of all gradients. Raises ImpastoError."""
    check_picture(photo, limits)
    check_pictures(look, limits)
    options = look.painting()
    if options.backbone == "compact":  # others may have to be downloaded
        resolve_layers(_compact(), options.content_layers, options.style_layers)
    assert look.pictures
    scales = plan(find_size(photo), options)
    return float(sum(math.prod(scale.size) * scale.iterations for scale in scales))


@cache
def _compact() -> Backbone:
    return backbones.load("compact")


def paint_quickly(visit: Session, photo: Path, look: StyleRequest, limits: Limits) -> Result:
    """Paint with little effort, at the size shown on the page. Raises ImpastoError."""
    started = time.monotonic()
    check_picture(photo, limits)
    check_pictures(look, limits)
    side = min(limits.painting_size, max(16, *shown_size(find_size(photo))))  # 16 is the least of a painting
    look = replace(look, size=side, expert={**look.expert, "effort": "quick"})
    painter = Painter(photo, look.pictures, look.painting(), max_pixels=limits.pixels)
    *_, step = painter.steps()
    image, alpha = painter.finish(step)
    before = resize(painter.photo[None], painter.size)[0]
    shown = show(visit, before, fitted(painter.info.alpha, painter.size)), show(visit, image, alpha)
    whole = _write_whole(visit, image, alpha, painter.record(step))
    result = Result("sketched", photo, look, shown, time.monotonic() - started, whole=whole)
    visit.add(result)
    return result


def _write_whole(visit: Session, image: Tensor, alpha: Tensor | None, record: str) -> Path:
    """Write the picture as a PNG at full size, for downloads; return its path."""
    whole = visit.new_file("painting.png")
    io.write(whole, image, alpha=alpha, record=record)
    return whole


class _Painting:
    """A painting in progress."""

    def __init__(
        self, visit: Session, photo: Path, look: StyleRequest, painter: Painter, job: BackgroundJob[Sketch]
    ) -> None:
        self._visit, self._photo, self._look, self._painter, self._job = visit, photo, look, painter, job
        self._started = time.monotonic()
        self._size = shown_size(painter.size)
        before = resize(painter.photo[None], self._size)[0]
        self._before = show(visit, before, fitted(painter.info.alpha, self._size))
        self._last: Path | None = None

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._started

    def run(self, most: float) -> None:
        """Paint for at most that many seconds, and report."""
        last, step, note = -_BETWEEN, None, ""
        film = self._visit.new_file(f"film{_FILM}")
        with AnimationWriter(film) as frames, closing(self._steps()) as steps:
            try:
                for step in steps:
                    frames.add(step.image)
                    if self._job.stop.is_set() or self._seconds > most:
                        break
                    if self._seconds - last >= _BETWEEN:
                        last = self._seconds
                        self._tell(self._sketch(step))
            except DivergenceError as error:
                if step is None:
                    raise
                note = f"{error}; this is the last good picture"
            assert step is not None  # there is at least one gradient
        if step.done < 1 and not note:
            why = "stopped" if self._job.stop.is_set() else "out of time"
            note = f"{why} at {step.done:.0%}: this is the picture so far"
        self._tell(self._finish(step, film, tuple(filter(None, (*self._painter.notes, note)))))

    def _steps(self) -> Generator[Step, None, None]:
        yield from self._painter.steps()

    def _tell(self, sketch: Sketch) -> None:
        self._job.tell(sketch, sketch.left)

    def _sketch(self, step: Step) -> Sketch:
        image, alpha = self._painter.finish(step)
        after = show(self._visit, resize(image[None], self._size)[0], fitted(alpha, self._size))
        if self._last:
            self._visit.retire([self._last])
        self._last = after
        left = self._seconds * (1 - step.done) / max(step.done, 1e-3)
        return Sketch(step.done, left, (self._before, after))

    def _finish(self, step: Step, film: Path, notes: tuple[str, ...]) -> Sketch:
        sketch = self._sketch(step)
        whole = _write_whole(self._visit, *self._painter.finish(step), self._painter.record(step))
        result = Result(
            "painted", self._photo, self._look, sketch.shown, self._seconds, whole=whole, film=film
        )
        self._visit.add(result)
        return replace(sketch, left=0.0, result=result, notes=notes)

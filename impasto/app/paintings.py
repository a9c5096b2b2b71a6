"""Paint photos for the page: intermediate pictures while it runs, and a result even if it is stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from impasto.app.inference import fitted, show, shown_size
from impasto.app.limits import Limits
from impasto.app.look import StyleRequest
from impasto.app.sessions import Result, Session
from impasto.errors import DivergenceError
from impasto.imaging import io
from impasto.imaging.animation import AnimationWriter
from impasto.imaging.geometry import resize
from impasto.imaging.sources import find_size
from impasto.painting.paint import Painter
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


def paint(visit: Session, photo: Path, look: StyleRequest, limits: Limits) -> Iterator[Sketch]:
    """Paint, and yield the picture twice a second; if stopped or out of time, keep the picture so far.

    Raises ImpastoError.
    """
    look = replace(look, size=min(look.size, limits.painting_size))
    with visit.job() as stop:
        painter = Painter(photo, look.pictures, look.painting(), max_pixels=limits.pixels)
        yield from _PaintJob(visit, photo, look, painter).sketches(stop.is_set, 60 * limits.job_minutes)


def paint_quickly(visit: Session, photo: Path, look: StyleRequest, limits: Limits) -> Result:
    """Paint with little effort, at the size shown on the page. Raises ImpastoError."""
    started = time.monotonic()
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


class _PaintJob:
    """A painting in progress."""

    def __init__(self, visit: Session, photo: Path, look: StyleRequest, painter: Painter) -> None:
        self._visit, self._photo, self._look, self._painter = visit, photo, look, painter
        self._started = time.monotonic()
        self._size = shown_size(painter.size)
        before = resize(painter.photo[None], self._size)[0]
        self._before = show(visit, before, fitted(painter.info.alpha, self._size))
        self._last: Path | None = None

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._started

    def sketches(self, is_told: Callable[[], bool], most: float) -> Iterator[Sketch]:
        last, step, note = -_BETWEEN, None, ""
        film = self._visit.new_file(f"film{_FILM}")
        with AnimationWriter(film) as frames, closing(self._steps()) as steps:
            try:
                for step in steps:
                    frames.add(step.image)
                    if is_told() or self._seconds > most:
                        break
                    if self._seconds - last >= _BETWEEN:
                        last = self._seconds
                        yield self._sketch(step)
            except DivergenceError as error:
                if step is None:
                    raise
                note = f"{error}; this is the last good picture"
            assert step is not None  # there is at least one gradient
        if step.done < 1 and not note:
            why = "stopped" if is_told() else "out of time"
            note = f"{why} at {step.done:.0%}: this is the picture so far"
        yield self._finish(step, film, tuple(filter(None, (*self._painter.notes, note))))

    def _steps(self) -> Generator[Step, None, None]:
        yield from self._painter.steps()

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

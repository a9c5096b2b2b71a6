"""Train styles for the page: progress while it runs, and a card even if it is stopped."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

from impasto.app.chart import Curves
from impasto.app.choices import thumbnail
from impasto.app.limits import Limits
from impasto.app.look import PICTURE
from impasto.app.sessions import Session
from impasto.app.train_request import TrainRequest
from impasto.imaging.style import read_style
from impasto.training.api import instant_start, made_up
from impasto.training.checkpoints import TrainingPlan, TrainStep, workspace
from impasto.training.photos import find_photos
from impasto.training.train import train as train_card

_BETWEEN = 1.0  # seconds between two reports
_MOST_NAMES = 5  # of unreadable photos in a message


@dataclass(frozen=True)
class TrainingNews:
    """Progress of a training.

    Attributes:
        done: share of the work, 0 to 1.
        left: estimated seconds until the end.
        curves: the losses.
        sample: the newest sample: held-out photos above, the same photos in the style below.
        name: of the finished style.
        card: its file, at the end.
        notes: messages for the visitor, such as why it ended early.
    """

    done: float
    left: float
    curves: Curves
    sample: Path | None = None
    name: str = ""
    card: Path | None = None
    notes: tuple[str, ...] = ()


def train(visit: Session, lesson: TrainRequest, limits: Limits) -> Iterator[TrainingNews]:
    """Train, and yield progress every second; if stopped, keep the style so far. The visit gets the card.

    After a failure only the sample on the page is kept. Raises ImpastoError.
    """
    lesson.check(limits)
    _, info = read_style(lesson.style, max_pixels=limits.pixels)
    with visit.job() as stop:
        name = lesson.file_name(visit.cards)
        out = visit.new_file(f"{name}.safetensors")
        course = _Course(visit, lesson, out, stop)
        try:
            yield from course.news()
            course.keep_picture()
            visit.cards[name] = out
            yield replace(course.end(), name=name, card=out, notes=(*info.notes, *course.notes))
        except _Dropped:
            pass
        finally:
            gone = workspace(out) if name in visit.cards else out.parent
            shutil.rmtree(gone, ignore_errors=True)


def thumbnail_of(card: Path) -> Path:
    """Return the path of a card's thumbnail."""
    return card.with_suffix(".jpg")


class _Dropped(Exception):
    """The visitor has left, so that the training ends without a result."""


class _Course:
    """A training that runs in a thread of its own."""

    def __init__(self, visit: Session, lesson: TrainRequest, out: Path, stop: Event) -> None:
        self._visit, self._lesson, self._out, self._stop = visit, lesson, out, stop
        self._curves = Curves()
        self._step: TrainStep | None = None
        self._sample: Path | None = None
        self._skipped: list[str] = []
        self._is_dropped = False

    def news(self) -> Iterator[TrainingNews]:
        """Yield progress until the training ends; then raise its exception, if any."""
        with ThreadPoolExecutor(1, "training") as thread:
            running = thread.submit(self._run)
            try:
                while wait([running], _BETWEEN).not_done:
                    yield self._news()
            except BaseException:  # such as GeneratorExit
                self._is_dropped = True
                raise
            running.result()

    def keep_picture(self) -> None:
        """Copy the style picture beside the card, for paintings in this style."""
        folder = self._out.with_name(PICTURE)
        folder.mkdir()
        shutil.copy(self._lesson.style, folder)

    def end(self) -> TrainingNews:
        """Return the progress after the end, with the last sample."""
        for last in sorted((workspace(self._out) / "samples").glob("*.jpg"))[-1:]:
            self._show(last)
        return replace(self._news(), done=1.0, left=0.0)

    @property
    def notes(self) -> tuple[str, ...]:
        """Messages for the visitor at the end."""
        notes = []
        if self._step is None or self._step.done < 1:
            done = self._step.done if self._step else 0.0
            notes.append(f"stopped at {done:.0%}: this is the style learned so far")
        if self._skipped:
            names, more = ", ".join(self._skipped[:_MOST_NAMES]), len(self._skipped) - _MOST_NAMES
            rest = f" and {more} more" if more > 0 else ""
            notes.append(f"photos left out because they cannot be read: {names}{rest}")
        return tuple(notes)

    def _news(self) -> TrainingNews:
        step = self._step
        if step is None:
            return TrainingNews(0.0, 60 * self._lesson.minutes, self._curves)
        left = step.seconds_left or 60 * self._lesson.minutes * (1 - step.done)
        return TrainingNews(step.done, left, self._curves, self._sample)

    def _run(self) -> None:
        style, options = self._lesson.style, self._lesson.training()
        plan = TrainingPlan(
            find_photos(self._lesson.photos) if self._lesson.photos else made_up(options),
            self._out,
            start=instant_start(style, self._out),
            about={"style": self._out.stem},
            checkpoint_seconds=math.inf,
            on_step=self._note,
            is_enough=self._is_enough,
        )
        train_card(style, options, plan)
        thumbnail(self._out, thumbnail_of(self._out))

    def _note(self, step: TrainStep) -> None:
        self._step = step
        if step.sample:
            self._show(step.sample)
        self._skipped += [Path(name).name for name in step.skipped]
        if not step.complaint:
            self._curves.note(step.step, step.losses, step.validation)

    def _show(self, sample: Path) -> None:
        """Copy a sample to the visit's files, as the folder of the training is deleted."""
        if self._sample:
            self._visit.retire([self._sample])
        self._sample = Path(shutil.copy(sample, self._visit.new_file("sample.jpg")))

    def _is_enough(self) -> bool:
        if self._is_dropped or self._visit.is_over:
            raise _Dropped
        return self._stop.is_set()

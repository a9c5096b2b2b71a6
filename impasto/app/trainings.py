"""Train styles for the page: progress while it runs, and a card even if it is stopped."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from impasto.app.chart import Curves
from impasto.app.choices import thumbnail
from impasto.app.decoding import check_decoding
from impasto.app.jobs import BackgroundJob
from impasto.app.limits import Limits
from impasto.app.look import PICTURE, names
from impasto.app.sessions import Session
from impasto.errors import ImageError, UsageError
from impasto.imaging.decoding import check_size
from impasto.imaging.style import read_style
from impasto.networks.card import load_card
from impasto.options import kebab
from impasto.training.checkpoints import TrainingPlan, TrainStep, workspace
from impasto.training.options import TrainOptions
from impasto.training.photos import find_photos, open_photo
from impasto.training.train import instant_start, made_up
from impasto.training.train import train as train_card

MINUTES = 5.0  # default length of a training
TAKEN = ("own", "none")  # names with a special meaning in the page's style lists
_LONGEST_NAME = 60  # characters
_CARD_MB = 64  # largest style card to upload
_MOST_NAMES = 5  # of unreadable photos in a message
_CHECKS = 30  # decoding times that the photos of a training may take together


@dataclass(frozen=True)
class TrainRequest:
    """A request for a training.

    Attributes:
        style: the style picture.
        name: of the new style, in any words; empty takes the name of its file.
        photos: to learn from; without any, synthetic pictures.
        minutes: length of the training.
        expert: further fields of `TrainOptions`.

    Raises UsageError for an invalid value.
    """

    style: Path
    name: str = ""
    photos: tuple[Path, ...] = ()
    minutes: float = MINUTES
    expert: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.training()  # checks the rest

    def training(self) -> TrainOptions:
        """Return the options of the training."""
        return TrainOptions(**{"minutes": self.minutes, **self.expert})

    def check(self, limits: Limits) -> None:
        """Raise UsageError for a request beyond the limits, and ImageError for an unusable photo."""
        if self.minutes > limits.training_minutes:
            raise UsageError(f"a training takes at most {limits.training_minutes:g} minutes here")
        if len(self.photos) > limits.training_photos:
            raise UsageError(
                f"these are {len(self.photos)} photos, and a training takes at most "
                f"{limits.training_photos} here: choose fewer"
            )
        end = time.monotonic() + _CHECKS * limits.decoding_seconds
        for path in self.photos:
            if time.monotonic() > end:
                raise UsageError("these photos take too long to decode: choose fewer, or save them as JPEG")
            try:
                check_decoding(path, limits)
                with open_photo(path.read_bytes(), path.name) as photo:
                    check_size(*photo.size, path.name, limits.pixels)
            except OSError as error:
                raise ImageError(f"{path.name} cannot be read: {error.strerror or error}") from error


@dataclass(frozen=True)
class TrainingNews:
    """Progress of a training.

    Attributes:
        done: share of the work, 0 to 1.
        left: estimated seconds until the end.
        curves: the losses.
        request: the request.
        sample: the newest sample: held-out photos above, the same photos in the style below.
        name: of the finished style.
        card: its file, at the end.
        notes: messages for the visitor, such as why it ended early.
    """

    done: float
    left: float
    curves: Curves
    request: TrainRequest
    sample: Path | None = None
    name: str = ""
    card: Path | None = None
    notes: tuple[str, ...] = ()


def train(visit: Session, request: TrainRequest, limits: Limits) -> BackgroundJob[TrainingNews]:
    """Start a training; if stopped, it keeps the style so far. The visit gets the card.

    After a failure only the sample on the page is kept. Raises ImpastoError for a request that cannot be met,
    before it waits for its turn.
    """
    request.check(limits)
    check_decoding(request.style, limits)
    _, info = read_style(request.style, max_pixels=limits.pixels)

    def work(job: BackgroundJob[TrainingNews]) -> None:
        name = free_name(request.name if request.name.strip() else request.style.stem, visit.cards)
        out = visit.new_file(f"{name}.safetensors")
        running = _RunningTraining(visit, request, out, job)
        try:
            running.run()
            running.keep_picture()
            visit.cards[name] = out
            job.tell(replace(running.end(), name=name, card=out, notes=(*info.notes, *running.notes)))
        except _Dropped:
            pass
        finally:
            gone = workspace(out) if name in visit.cards else out.parent
            shutil.rmtree(gone, ignore_errors=True)

    return visit.start("training", work, 60 * request.minutes)


def add_card(visit: Session, file: Path, limits: Limits) -> str:
    """Give the visit an uploaded style card; return its name, which is that of the file.

    Raises WeightsError for a file that is no style card, UsageError for one that is too large or too many.
    """
    if file.suffix.lower() != ".safetensors":
        raise UsageError(f"{file.name} is no style card: choose a .safetensors file that impasto train made")
    if file.stat().st_size > 1e6 * _CARD_MB:
        raise UsageError(f"{file.name} is larger than {_CARD_MB} MB, the most for a style card here")
    if len(visit.cards) >= limits.results:
        most = f"a visit has at most {limits.results} styles of its own"
        raise UsageError(f"{most}: delete all your pictures to begin anew")
    load_card(file)
    name = free_name(file.stem, visit.cards)
    out = visit.new_file(f"{name}.safetensors")
    try:
        shutil.copy(file, out)
        thumbnail(out, thumbnail_of(out))
    except BaseException:
        visit.drop(out)
        raise
    visit.cards[name] = out
    return name


def free_name(words: str, known: Collection[str]) -> str:
    """Return a new style's file name, such as wave, or wave-2 if a style of that name exists."""
    base = kebab(words)[:_LONGEST_NAME].strip("-")
    taken = {*known, *names(), *TAKEN}
    tries = (base if number == 1 else f"{base}-{number}" for number in range(1, len(taken) + 2))
    return next(name for name in tries if name not in taken)


def thumbnail_of(card: Path) -> Path:
    """Return the path of a card's thumbnail."""
    return card.with_suffix(".jpg")


class _Dropped(Exception):
    """The visitor has left, so that the training ends without a result."""


class _RunningTraining:
    """A training in progress."""

    def __init__(
        self, visit: Session, request: TrainRequest, out: Path, job: BackgroundJob[TrainingNews]
    ) -> None:
        self._visit, self._request, self._out, self._job = visit, request, out, job
        self._curves = Curves()
        self._step: TrainStep | None = None
        self._sample: Path | None = None
        self._skipped: list[str] = []

    def run(self) -> None:
        """Train until the end or until the job is stopped, and report."""
        self._tell()
        style, options = self._request.style, self._request.training()
        plan = TrainingPlan(
            find_photos(self._request.photos) if self._request.photos else made_up(options),
            self._out,
            start=instant_start(style, self._out),
            about={"style": self._out.stem},
            checkpoint_seconds=math.inf,
            on_step=self._note,
            is_enough=self._is_enough,
        )
        train_card(style, options, plan)
        thumbnail(self._out, thumbnail_of(self._out))

    def keep_picture(self) -> None:
        """Copy the style picture beside the card, for paintings in this style."""
        folder = self._out.with_name(PICTURE)
        folder.mkdir()
        shutil.copy(self._request.style, folder)

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
            return TrainingNews(0.0, 60 * self._request.minutes, self._curves, self._request)
        left = step.seconds_left or 60 * self._request.minutes * (1 - step.done)
        return TrainingNews(step.done, left, self._curves, self._request, self._sample)

    def _tell(self) -> None:
        news = self._news()
        self._job.tell(news, news.left)

    def _note(self, step: TrainStep) -> None:
        self._step = step
        if step.sample:
            self._show(step.sample)
        self._skipped += [Path(name).name for name in step.skipped]
        if not step.complaint:
            self._curves.note(step.step, step.losses, step.validation)
        self._tell()

    def _show(self, sample: Path) -> None:
        """Copy a sample to the visit's files, as the folder of the training is deleted."""
        if self._sample:
            self._visit.retire([self._sample])
        self._sample = Path(shutil.copy(sample, self._visit.new_file("sample.jpg")))

    def _is_enough(self) -> bool:
        if self._visit.is_over:
            raise _Dropped
        return self._job.stop.is_set()

"""Translate a visitor's request for a training to training options."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from impasto.app.limits import Limits
from impasto.app.look import names
from impasto.errors import ImageError, UsageError
from impasto.imaging.decoding import check_size
from impasto.options import kebab
from impasto.training.options import TrainOptions
from impasto.training.photos import open_photo

MINUTES = 5.0  # default length of a training
TAKEN = ("own", "none")  # names with a special meaning in the page's style lists
_LONGEST_NAME = 60  # characters


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
        """Raise UsageError for a request beyond the limits, and ImageError for an unreadable photo."""
        if self.minutes > limits.training_minutes:
            raise UsageError(f"a training takes at most {limits.training_minutes:g} minutes here")
        if len(self.photos) > limits.training_photos:
            raise UsageError(
                f"these are {len(self.photos)} photos, and a training takes at most "
                f"{limits.training_photos} here: choose fewer"
            )
        for path in self.photos:
            try:
                with open_photo(path.read_bytes(), path.name) as photo:
                    check_size(*photo.size, path.name, limits.pixels)
            except OSError as error:
                raise ImageError(f"{path.name} cannot be read: {error.strerror or error}") from error

    def file_name(self, known: Collection[str]) -> str:
        """Return the new style's file name, such as wave, or wave-2 if a style of that name exists."""
        base = kebab(self.name if self.name.strip() else self.style.stem)[:_LONGEST_NAME].strip("-")
        taken = {*known, *names(), *TAKEN}
        tries = (base if number == 1 else f"{base}-{number}" for number in range(1, len(taken) + 2))
        return next(name for name in tries if name not in taken)

"""A visitor's request for a training, translated to training options."""

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

MINUTES = 5.0  # unless the visitor asks for others
TAKEN = ("own", "none")  # names that mean something else in the page's lists of styles
_LONGEST_NAME = 60  # characters


@dataclass(frozen=True)
class TrainRequest:
    """Immutable and checked.

    Attributes:
        style: the picture whose look is to be learned.
        name: what the style is to be called, in any words; without it, as its file is.
        photos: to learn from; without them, made-up pictures.
        minutes: that it may take.
        expert: further fields of `TrainOptions`.

    Raises UsageError for a value that cannot mean anything.
    """

    style: Path
    name: str = ""
    photos: tuple[Path, ...] = ()
    minutes: float = MINUTES
    expert: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.training()  # checks the rest

    def training(self) -> TrainOptions:
        """The options of the training."""
        return TrainOptions(**{"minutes": self.minutes, **self.expert})

    def check(self, limits: Limits) -> None:
        """Raises UsageError for what is too much, and ImageError for a photo that is none."""
        if self.minutes > limits.training_minutes:
            raise UsageError(f"a training takes at most {limits.training_minutes:g} minutes here")
        if len(self.photos) > limits.training_photos:
            raise UsageError(
                f"these are {len(self.photos)} photos, and here a training learns from "
                f"{limits.training_photos} at most: choose some of them"
            )
        for path in self.photos:
            try:
                with open_photo(path.read_bytes(), path.name) as photo:
                    check_size(*photo.size, path.name, limits.pixels)
            except OSError as error:
                raise ImageError(f"{path.name} cannot be read: {error.strerror or error}") from error

    def file_name(self, known: Collection[str]) -> str:
        """Such as wave, which is safe as a file's name, or wave-2 where that is known or ships already."""
        base = kebab(self.name if self.name.strip() else self.style.stem)[:_LONGEST_NAME].strip("-")
        taken = {*known, *names(), *TAKEN}
        tries = (base if number == 1 else f"{base}-{number}" for number in range(1, len(taken) + 2))
        return next(name for name in tries if name not in taken)

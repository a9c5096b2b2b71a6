"""Sources of training photos: files, subsets, several sources together."""

from __future__ import annotations

import io
import os
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto.imaging.decoding import check_size, explaining, open_image
from impasto.imaging.files import open_file

MAX_PIXELS = 100_000_000  # a larger photo is skipped: it takes seconds and gigabytes to decode
HELD_OUT = 16


class Photos(ABC):
    """Photos by index, for programs that see far more of them than fit in memory.

    A subclass holds little, can be pickled, and may be used by several processes and threads at once.
    """

    @property
    @abstractmethod
    def description(self) -> str:
        """Number and origin: "2601 photos in photos/train"."""

    @property
    def summary(self) -> str:
        """Text for a card, without folder names, which are private."""
        return count_photos(len(self))

    @abstractmethod
    def __len__(self) -> int:
        """Number of photos, at least 1."""

    @abstractmethod
    def name(self, index: int) -> str:
        """Name of a photo in messages."""

    @abstractmethod
    def open(self, index: int) -> Image.Image:
        """A photo, perhaps not decoded yet. Raises ImpastoError or OSError if it cannot be read."""


class Names(Sequence[str]):
    """File names in one block of bytes: a fifth of the memory of strings, and none of it copied by a fork."""

    def __init__(self, names: Iterable[str]) -> None:
        encoded = [os.fsencode(name) for name in names]
        self._ends = np.fromiter(accumulate(map(len, encoded)), np.int64, len(encoded))
        self._block = b"".join(encoded)

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, index: int) -> str:  # type: ignore[override]
        start = self._ends[index - 1] if index else 0
        return os.fsdecode(self._block[start : self._ends[index]])


class PhotoFiles(Photos):
    """Picture files, named relative to a folder."""

    def __init__(self, folder: Path, names: Iterable[str], description: str = "") -> None:
        self._folder, self._names = folder, Names(names)
        self._description = description or f"{count_photos(len(self._names))} in {folder}"

    @property
    def description(self) -> str:
        return self._description

    def __len__(self) -> int:
        return len(self._names)

    def name(self, index: int) -> str:
        return str(self._folder / self._names[index])

    def open(self, index: int) -> Image.Image:
        name = self.name(index)
        with open_file(name) as file:
            return open_photo(file.read(), name)


class Joined(Photos):
    """Several collections, one after the other."""

    def __init__(self, parts: Sequence[Photos], description: str) -> None:
        self._parts, self._description = tuple(parts), description
        self._ends = np.cumsum([len(part) for part in parts])

    @property
    def description(self) -> str:
        return self._description

    def __len__(self) -> int:
        return int(self._ends[-1])

    def name(self, index: int) -> str:
        part, place = self._find(index)
        return part.name(place)

    def open(self, index: int) -> Image.Image:
        part, place = self._find(index)
        return part.open(place)

    def _find(self, index: int) -> tuple[Photos, int]:
        which = int(np.searchsorted(self._ends, index, side="right"))
        return self._parts[which], index - (int(self._ends[which - 1]) if which else 0)


class Subset(Photos):
    """Some photos of a collection."""

    def __init__(self, photos: Photos, indices: NDArray[np.int64]) -> None:
        self._photos, self._indices = photos, indices.astype(np.int32)

    @property
    def description(self) -> str:
        return f"{len(self)} of {self._photos.description}"

    def __len__(self) -> int:
        return len(self._indices)

    def name(self, index: int) -> str:
        return self._photos.name(int(self._indices[index]))

    def open(self, index: int) -> Image.Image:
        return self._photos.open(int(self._indices[index]))


def split(photos: Photos, seed: int) -> tuple[Photos, Photos]:
    """Photos to train on, and some never trained on: 16, or a tenth of few. One photo alone is both."""
    if len(photos) == 1:
        return photos, photos
    held = min(HELD_OUT, max(1, len(photos) // 10))
    mixed = np.random.default_rng([seed % 2**63, len(photos)]).permutation(len(photos))
    return Subset(photos, np.sort(mixed[held:])), Subset(photos, np.sort(mixed[:held]))


def open_photo(data: bytes, name: str) -> Image.Image:
    """A picture file's header; its pixels are decoded when they are first used.

    Raises:
        ImageError: not a picture, damaged, or of more than a hundred megapixels.
        MissingExtraError: a HEIC file, without pillow-heif.
    """
    with reading(name):
        image = open_image(io.BytesIO(data), name)
        check_size(*image.size, name, MAX_PIXELS)
    return image


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Damaged bytes become an ImageError; what Pillow warns of in a photo is of no use to a training."""
    with warnings.catch_warnings(), explaining(name):
        warnings.simplefilter("ignore")
        yield


def count_photos(number: int) -> str:
    return "1 photo" if number == 1 else f"{number} photos"

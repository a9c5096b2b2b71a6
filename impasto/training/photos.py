"""Find, join and split training photos from folders, files and tar archives."""

from __future__ import annotations

import io
import os
import tarfile
import warnings
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto.errors import ImageError, UsageError
from impasto.imaging.decoding import check_size, explaining, open_image
from impasto.imaging.files import IMAGE_SUFFIXES, is_image_name, open_file
from impasto.safe_paths import exists, is_folder

MAX_PIXELS = 100_000_000  # larger photos are skipped, as they take seconds and gigabytes to decode
_HELD_OUT = 16
_ARCHIVES = (
    ".tar.gz",
    ".tgz",
    ".tar.bz2",
    ".tbz2",
    ".tar.xz",
    ".txz",
    ".tar.zst",
    ".tar.lz4",
    ".zip",
    ".7z",
    ".rar",
)
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"PK\x03\x04")  # gz bz2 xz zst zip


class Photos(ABC):
    """Photos by index, for more photos than fit in memory.

    A subclass needs little memory, can be pickled, and may be used by several processes and threads at once.
    """

    @property
    @abstractmethod
    def description(self) -> str:
        """Number and origin: "2601 photos in photos/train"."""

    @property
    def summary(self) -> str:
        """Text for a card, without folder names, which are private."""
        return _count_photos(len(self))

    @abstractmethod
    def __len__(self) -> int:
        """Number of photos, at least 1."""

    @abstractmethod
    def name(self, index: int) -> str:
        """Name of a photo in messages."""

    @abstractmethod
    def open(self, index: int) -> Image.Image:
        """Open a photo, perhaps not decoded yet. Raises ImpastoError or OSError if it cannot be read."""


class Names(Sequence[str]):
    """File names in one block of bytes: a fifth of the memory of strings, not copied in forked processes."""

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
        self._description = description or f"{_count_photos(len(self._names))} in {folder}"

    @property
    def description(self) -> str:
        """Number and origin of the photos."""
        return self._description

    def __len__(self) -> int:
        return len(self._names)

    def name(self, index: int) -> str:
        """Name of a photo in messages."""
        return str(self._folder / self._names[index])

    def open(self, index: int) -> Image.Image:
        """Open a photo."""
        name = self.name(index)
        with open_file(name) as file:
            return open_photo(file.read(), name)


class Shard(Photos):
    """Pictures in a tar file, such as WebDataset's shards, read in place.

    The constructor reads all headers: names, offsets and sizes. Each photo is read through a newly opened
        file,
    so that processes and threads share nothing.

    Raises:
        UsageError: the file is compressed, or has no pictures.
        ImageError: the file is damaged, cut short, or not a tar file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            _check_uncompressed(path)
            members = _index_tar(path)
        except OSError as error:
            raise ImageError(f"{path} cannot be read: {error.strerror or error}") from error
        if not members:
            raise UsageError(f"{path} holds no pictures")
        names, places, sizes = zip(*members, strict=True)
        self._names = Names(names)
        self._places, self._sizes = np.array(places, np.int64), np.array(sizes, np.int64)

    @property
    def description(self) -> str:
        """Number and origin of the photos."""
        return f"{_count_photos(len(self))} in {self._path}"

    def __len__(self) -> int:
        return len(self._names)

    def name(self, index: int) -> str:
        """Name of a photo in messages."""
        return f"{self._path}/{self._names[index]}"

    def open(self, index: int) -> Image.Image:
        """Open a photo."""
        with self._path.open("rb", buffering=0) as file:
            file.seek(int(self._places[index]))
            data = file.read(int(self._sizes[index]))
        return open_photo(data, self.name(index))


class Joined(Photos):
    """Several collections of photos as one."""

    def __init__(self, parts: Sequence[Photos], description: str) -> None:
        self._parts, self._description = tuple(parts), description
        self._ends = np.cumsum([len(part) for part in parts])

    @property
    def description(self) -> str:
        """Number and origin of the photos."""
        return self._description

    def __len__(self) -> int:
        return int(self._ends[-1])

    def name(self, index: int) -> str:
        """Name of a photo in messages."""
        part, place = self._find(index)
        return part.name(place)

    def open(self, index: int) -> Image.Image:
        """Open a photo."""
        part, place = self._find(index)
        return part.open(place)

    def _find(self, index: int) -> tuple[Photos, int]:
        which = int(np.searchsorted(self._ends, index, side="right"))
        return self._parts[which], index - (int(self._ends[which - 1]) if which else 0)


class Subset(Photos):
    """Photos of a collection selected by indices."""

    def __init__(self, photos: Photos, indices: NDArray[np.int64]) -> None:
        self._photos, self._indices = photos, indices.astype(np.int32)

    @property
    def description(self) -> str:
        """Number and origin of the photos."""
        return f"{len(self)} of {self._photos.description}"

    def __len__(self) -> int:
        return len(self._indices)

    def name(self, index: int) -> str:
        """Name of a photo in messages."""
        return self._photos.name(int(self._indices[index]))

    def open(self, index: int) -> Image.Image:
        """Open a photo."""
        return self._photos.open(int(self._indices[index]))


def split(photos: Photos, seed: int) -> tuple[Photos, Photos]:
    """Split photos into training and held-out photos: 16, or a tenth of few. A single photo is both."""
    if len(photos) == 1:
        return photos, photos
    held = min(_HELD_OUT, max(1, len(photos) // 10))
    mixed = np.random.default_rng([seed % 2**63, len(photos)]).permutation(len(photos))
    return Subset(photos, np.sort(mixed[held:])), Subset(photos, np.sort(mixed[:held]))


def find_photos(paths: Sequence[Path]) -> Photos:
    """Find photos: pictures in folders and their subfolders, picture files, and tar shards.

    Hidden files are left out. Photos are in the order of their names.

    Raises:
        UsageError: a path that does not exist, has no pictures, or is a compressed archive.
        ImageError: a file that is not a picture, or a shard that is damaged or cut short.
    """
    if not paths:
        raise UsageError("no photos were named: give a folder of them")
    parts = [part for path in paths for part in _find_at(path)]
    total = _count_photos(sum(map(len, parts)))
    named = ", ".join(map(str, paths[:3])) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
    return Joined(parts, f"{total} in {named}")


def _find_at(path: Path) -> list[Photos]:
    """Find the photos of one path: a folder, a picture file or a tar archive."""
    if is_folder(path):
        return _find_in_folder(path)
    if not exists(path):
        raise UsageError(f"{path} does not exist; check its name and folder")
    if path.suffix.lower() == ".tar" or is_compressed(path.name):
        return [Shard(path)]
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        with open_file(path) as file:
            open_photo(file.read(), str(path))
    return [PhotoFiles(path.parent, [path.name])]


def _find_in_folder(folder: Path) -> list[Photos]:
    """Find pictures, then tar archives, in a folder and below. Raises UsageError if there are none."""
    names = sorted(_files_below(folder))
    pictures = [name for name in names if Path(name).suffix.lower() in IMAGE_SUFFIXES]
    shards = [Shard(folder / name) for name in names if name.lower().endswith(".tar")]
    if pictures or shards:
        return [*([PhotoFiles(folder, pictures)] if pictures else []), *shards]
    archives = [name for name in names if is_compressed(name)]
    if archives:
        raise _compressed(folder / archives[0])
    if not names:
        raise UsageError(f"{folder} is empty: there are no photos to learn from")
    kinds = Counter(Path(name).suffix.lower() or "no suffix" for name in names).most_common(3)
    held = "1 file, no picture" if len(names) == 1 else f"{len(names)} files, none a picture"
    raise UsageError(f"{folder} holds {held} ({', '.join(kind for kind, _ in kinds)})")


def _files_below(folder: Path) -> Iterator[str]:
    """Yield names relative to the folder; links to folders are followed, but each folder is read once."""

    def fail(error: OSError) -> None:
        if error.filename == top:
            raise UsageError(f"{folder} cannot be read: {error.strerror}") from error

    top = str(folder)
    seen: set[tuple[int, int]] = set()
    for here, folders, files in os.walk(top, followlinks=True, onerror=fail):
        status = Path(here).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        below = here.removeprefix(top).lstrip(os.sep)
        yield from (os.path.join(below, name) for name in files if not name.startswith("."))  # noqa: PTH118


def open_photo(data: bytes, name: str) -> Image.Image:
    """Open a picture from a file's bytes; pixels are decoded when they are first used.

    Raises:
        ImageError: not a picture, damaged, or larger than 100 megapixels.
        MissingExtraError: a HEIC file, without pillow-heif.
    """
    with reading(name):
        image = open_image(io.BytesIO(data), name)
        check_size(*image.size, name, MAX_PIXELS)
    return image


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn errors of damaged bytes into an ImageError, and suppress Pillow's warnings, during the block."""
    with warnings.catch_warnings(), explaining(name):
        warnings.simplefilter("ignore")
        yield


def _count_photos(number: int) -> str:
    return "1 photo" if number == 1 else f"{number} photos"


def is_compressed(name: str) -> bool:
    """Return whether a file's name says that it is a compressed archive."""
    return name.lower().endswith(_ARCHIVES)


def _compressed(path: Path) -> UsageError:
    """Make the error for an archive in which photos cannot be read in place."""
    return UsageError(f"{path} is compressed: unpack it into a folder or a plain .tar")


def _check_uncompressed(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(6)
    if is_compressed(path.name) or head.startswith(_COMPRESSED):
        raise _compressed(path)


def _index_tar(path: Path) -> list[tuple[str, int, int]]:
    """Index a tar file: name, offset and size of each picture."""
    try:
        with tarfile.open(path, "r:") as tar:
            found = list(_pictures_in(tar))
            _check_tar_end(tar, path)
    except tarfile.TarError as error:
        raise ImageError(f"{path} is damaged or cut short ({error}); copy or download it again") from error
    return found


def _pictures_in(tar: tarfile.TarFile) -> Iterator[tuple[str, int, int]]:
    while member := tar.next():
        tar.members = []  # type: ignore[attr-defined]  # the list would grow by a kilobyte per member
        name = PurePosixPath(member.name)
        if is_image_name(name) and member.isreg() and not member.issparse():
            yield member.name, member.offset_data, member.size


def _check_tar_end(tar: tarfile.TarFile, path: Path) -> None:
    """Raise ReadError if anything but zeros or the file's end follows the last member.

    tarfile treats a damaged header, unless it is the first, as the end of the archive.
    """
    with path.open("rb") as file:
        file.seek(tar.offset)
        if file.read(tarfile.BLOCKSIZE).strip(b"\0"):
            raise tarfile.ReadError(f"no header at byte {tar.offset:,}")

"""Photos in tar files, as WebDataset keeps them, read in place."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from impasto.errors import ImageError, UsageError
from impasto.imaging.suffixes import IMAGE_SUFFIXES
from impasto.training.photos import Names, Photos, count_photos, open_photo

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


class Shard(Photos):
    """The pictures among the members of one tar file.

    Headers are read once, here; then names, places and sizes are known. A photo is read from a file opened
    for it alone, so that processes and threads share nothing.

    Raises:
        UsageError: compressed, or without pictures.
        ImageError: damaged, cut short, or no tar file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            _check_plain(path)
            members = _index(path)
        except OSError as error:
            raise ImageError(f"{path} cannot be read: {error.strerror or error}") from error
        if not members:
            raise UsageError(f"{path} holds no pictures")
        names, places, sizes = zip(*members, strict=True)
        self._names = Names(names)
        self._places, self._sizes = np.array(places, np.int64), np.array(sizes, np.int64)

    @property
    def description(self) -> str:
        return f"{count_photos(len(self))} in {self._path}"

    def __len__(self) -> int:
        return len(self._names)

    def name(self, index: int) -> str:
        return f"{self._path}/{self._names[index]}"

    def open(self, index: int) -> Image.Image:
        with self._path.open("rb", buffering=0) as file:
            file.seek(int(self._places[index]))
            data = file.read(int(self._sizes[index]))
        return open_photo(data, self.name(index))


def is_compressed(name: str) -> bool:
    """Return whether a file's name says that it is a compressed archive."""
    return name.lower().endswith(_ARCHIVES)


def refuse_compressed(path: Path) -> UsageError:
    return UsageError(f"{path} is compressed: unpack it into a folder or a plain .tar")


def _check_plain(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(6)
    if is_compressed(path.name) or head.startswith(_COMPRESSED):
        raise refuse_compressed(path)


def _index(path: Path) -> list[tuple[str, int, int]]:
    """Name, place and size of each picture."""
    try:
        with tarfile.open(path, "r:") as tar:
            found = list(_pictures(tar))
            _check_end(tar, path)
    except tarfile.TarError as error:
        raise ImageError(f"{path} is damaged or cut short ({error}); copy or download it again") from error
    return found


def _pictures(tar: tarfile.TarFile) -> Iterator[tuple[str, int, int]]:
    while member := tar.next():
        tar.members = []  # type: ignore[attr-defined]  # it would grow by a kilobyte a member
        name = PurePosixPath(member.name)
        picture = name.suffix.lower() in IMAGE_SUFFIXES and not name.name.startswith(".")
        if picture and member.isreg() and not member.issparse():
            yield member.name, member.offset_data, member.size


def _check_end(tar: tarfile.TarFile, path: Path) -> None:
    """Raise ReadError if anything but zeros or the file's end follows the last member.

    tarfile takes a damaged header, unless it is the first, for the end.
    """
    with path.open("rb") as file:
        file.seek(tar.offset)
        if file.read(tarfile.BLOCKSIZE).strip(b"\0"):
            raise tarfile.ReadError(f"no header at byte {tar.offset:,}")

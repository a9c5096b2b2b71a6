"""Files that appear whole or not at all."""

import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import BinaryIO

from impasto.atomic_files import draft
from impasto.errors import ImageError, UsageError
from impasto.safe_paths import is_folder

_SAMPLES, _SAMPLE = 32, 1 << 16  # places in a file, but for its end, and bytes at each


def is_image_name(path: PurePath) -> bool:
    """Return whether a file has the suffix of a picture, and is not hidden."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def check_target(path: str | os.PathLike[str]) -> Path:
    """Return the path, if a file can be created there.

    Raises:
        UsageError: the path is a folder.
        ImageError: its folder is missing, not a folder, or not writable, or its name is too long.
    """
    target = Path(path)
    _check_length(target)
    folder = _resolve(target).parent
    if is_folder(target):
        raise UsageError(f"{target} is a folder; give the file a name, such as {target / 'painting.png'}")
    if not is_folder(folder):
        raise ImageError(f"{target} cannot be written: there is no folder {folder}; create it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ImageError(f"{target} cannot be written: the folder {folder} is not writable; choose another")
    return target


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary name beside `path`, with its suffix; the file written there takes the place of `path`.

    It is flushed to disk and renamed when the block ends well, and removed when the block fails,
    so that `path` holds the old file or the new one, never a part. What a killed process left is removed by
    the next that writes into the folder. A link is followed. The file gets the permissions of any new file.

    Raises:
        ImageError: the operating system refuses: disk full, folder gone, no permission.
    """
    target = Path(path)
    final = _resolve(target)
    try:
        with draft(final) as temporary:
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.replace(final)
    except OSError as error:
        raise ImageError(f"{target} could not be written: {error.strerror or error}") from error


def open_file(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file for reading. Raises ImageError where that fails, and for streams: see `stream_kind`."""
    name = os.fspath(path)
    try:
        if (kind := stream_kind(Path(name))) is not None:
            raise ImageError(f"{name} is {kind}, not a file: save its content to a file first")
        return Path(name).open("rb")
    except FileNotFoundError as error:
        raise ImageError(f"{name} does not exist; check its name and folder") from error
    except IsADirectoryError as error:
        raise ImageError(f"{name} is a folder; name a picture in it") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"{name!r} cannot be opened: {reason}") from error


def stream_kind(path: Path) -> str | None:
    """Name the kind of a pipe, socket or device, which might wait for another program for ever; else None."""
    mode = path.stat().st_mode
    kinds = {
        stat.S_ISFIFO: "a pipe",
        stat.S_ISSOCK: "a socket",
        stat.S_ISCHR: "a device",
        stat.S_ISBLK: "a device",
    }
    return next((kind for is_kind, kind in kinds.items() if is_kind(mode)), None)


def short_hash(parts: Iterable[bytes], digits: int = 16) -> str:
    """Compute the first hexadecimal digits of the SHA-256 of all parts, one after the other."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(part)
    return whole.hexdigest()[:digits]


def fingerprint(path: Path) -> str:
    """Hash a file or folder, so that an edit changes the hash, without reading gigabytes.

    Of a file: its length, its modification time, and 64 KB at each of 33 places spread evenly over it. Of a
    folder: names, lengths and modification times of all files in it. Empty for what is neither.
    """
    if path.is_dir():
        return short_hash(_listed(path), digits=32)
    return short_hash(_sampled(path), digits=32) if path.is_file() else ""


def _listed(folder: Path) -> Iterator[bytes]:
    for each in sorted(folder.iterdir()):
        if each.is_file():
            yield f"{each.name}\0{_stamp(each)}\n".encode(errors="surrogateescape")


def _sampled(path: Path) -> Iterator[bytes]:
    yield _stamp(path).encode()
    last = max(0, path.stat().st_size - _SAMPLE)
    with path.open("rb") as file:
        for number in range(_SAMPLES + 1):
            file.seek(last * number // _SAMPLES)
            yield file.read(_SAMPLE)


def _stamp(path: Path) -> str:
    known = path.stat()
    return f"{known.st_size} {known.st_mtime_ns}"


def _check_length(path: Path) -> None:
    """Raise ImageError for a name, or a whole path, that is longer than the file system has them."""
    try:
        path.lstat()
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
            raise ImageError(f"{path} cannot be written: {error.strerror}; choose a shorter name") from error


def _resolve(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, ValueError, RuntimeError) as error:  # a link to itself, a NUL in the name
        raise ImageError(f"{str(path)!r} cannot be written: {error}") from error


IMAGE_SUFFIXES = frozenset(
    {
        ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".tif", ".tiff", ".gif", ".bmp", ".dib", ".avif",
        ".heic", ".heif", ".hif", ".jp2", ".j2k", ".ppm", ".pgm", ".pbm", ".pnm", ".psd", ".qoi",
    }
)  # fmt: skip

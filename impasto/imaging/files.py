"""Files that appear whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from impasto.atomic_files import draft
from impasto.errors import ImageError, UsageError
from impasto.safe_paths import is_folder


def check_target(path: str | os.PathLike[str]) -> Path:
    """The path, if a file can be created there.

    Raises:
        UsageError: the path is a folder.
        ImageError: its folder is missing, not a folder, or not writable.
    """
    target = Path(path)
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


def _resolve(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, ValueError, RuntimeError) as error:  # a link to itself, a NUL in the name
        raise ImageError(f"{str(path)!r} cannot be written: {error}") from error

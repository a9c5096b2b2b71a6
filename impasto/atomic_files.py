"""Files and folders in the making, which are removed even if their maker was killed.

A process that is killed cannot tidy up. So whoever makes a draft holds a lock on it, which ends with the
process, and whoever comes next to the same folder removes the drafts that nobody holds.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

if sys.platform != "win32":
    import fcntl

_NAME = re.compile(r"\.impasto-[0-9a-f]{12}(\.[^.]+)?")
_LONGEST_SUFFIX = 40  # characters, with which a name is short enough for any file system
_ATTEMPTS = 5
_ABANDONED_AFTER = 86_400.0  # seconds, where there are no locks

_tidied: set[Path] = set()  # folders, by this process


@contextmanager
def draft(target: Path) -> Iterator[Path]:
    """A new, empty file beside `target`, with its suffix if that is short, and any new file's permissions.

    It is removed in the end, unless it was moved away. Raises OSError where it cannot be made.
    """
    tidy(target.parent)

    def make() -> Path:
        path = _beside(target.parent, target.suffix if len(target.suffix) <= _LONGEST_SUFFIX else "")
        path.open("xb").close()
        return path

    with held_while(make) as path:
        yield path


@contextmanager
def draft_folder(target: Path) -> Iterator[Path]:
    """Like `draft`, for a folder."""
    tidy(target.parent)

    def make() -> Path:
        path = _beside(target.parent, "")
        path.mkdir()
        return path

    with held_while(make) as path:
        yield path


@contextmanager
def held_while(make: Callable[[], Path]) -> Iterator[Path]:
    """Create a file or folder with `make` for the length of the block, locked, and remove it afterwards.

    It is made again if somebody who tidied up came between; where nothing can be locked, it is not held.
    """
    for attempts_left in reversed(range(_ATTEMPTS)):
        path = make()
        with held(path) as ours:
            if ours or not attempts_left:
                try:
                    yield path
                finally:
                    _remove(path)
                return
        _remove(path)


@contextmanager
def held(path: Path) -> Iterator[bool]:
    """Lock what is at `path` for the length of the block, wherever it is moved; whether that went well.

    It does not where something else holds it, or it is gone. Where there are no locks, on Windows, what was
    not written to for a day is taken for abandoned, and all else for held by others.
    """
    handle = _lock(path)
    try:
        yield handle is not None
    finally:
        if handle is not None and handle >= 0:
            os.close(handle)


def tidy(folder: Path) -> None:
    """Remove the drafts that nobody holds; once for each folder, as a process that ends well leaves none."""
    if folder in _tidied:
        return
    _tidied.add(folder)
    remove_abandoned(folder, _NAME)


def remove_abandoned(folder: Path, name: re.Pattern[str]) -> None:
    """Remove the files and folders of such names that nobody holds. What refuses to go stays."""
    try:
        with os.scandir(folder) as entries:
            found = [Path(entry.path) for entry in entries if name.fullmatch(entry.name)]
    except OSError:
        return
    for path in found:
        with held(path) as ours:
            if ours:
                _remove(path)


def _beside(folder: Path, suffix: str) -> Path:
    return folder / f".impasto-{secrets.token_hex(6)}{suffix}"


def _remove(path: Path) -> None:
    with suppress(OSError):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _lock(path: Path) -> int | None:
    """A descriptor that holds the lock; None where there is none to be had."""
    if sys.platform == "win32":
        with suppress(OSError):
            return -1 if time.time() - path.stat().st_mtime > _ABANDONED_AFTER else None
        return None
    handle = -1
    try:
        # writable, as locks of network drives want it; no link is followed, and no pipe waited for
        access = os.O_RDONLY if path.is_dir() else os.O_RDWR
        handle = os.open(path, access | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(handle), path.stat()):  # and nobody put another one there meanwhile
            return handle
    except OSError:
        pass
    if handle >= 0:
        os.close(handle)
    return None

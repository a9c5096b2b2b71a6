"""Temporary files and folders ("drafts"), which are removed even if the process that made them was killed.

A killed process cannot remove its drafts. So each process holds a lock on its drafts, which the system
releases when the process ends, and the next process that writes to the folder removes drafts without a lock.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from impasto.errors import UsageError

if sys.platform != "win32":
    import fcntl

_NAME = re.compile(r"\.impasto-[0-9a-f]{12}(\.[^.]+)?")
_LONGEST_SUFFIX = 40  # characters; names with longer suffixes are too long for some file systems
_ATTEMPTS = 5
_DYING = 2.0  # seconds that the processes of a killed run need to end
_ABANDONED_AFTER = 86_400.0  # seconds without a write, on systems without locks

_tidied: set[Path] = set()  # folders that this process has tidied


@contextmanager
def draft(target: Path) -> Iterator[Path]:
    """Create an empty temporary file beside `target`, with the suffix of `target` and default permissions.

    A suffix of more than 40 characters is left out. The file is removed at the end of the block, unless it
    was moved away. Raises OSError if the file cannot be created.
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
    """Create a temporary folder beside `target`, as `draft` creates a file."""
    tidy(target.parent)

    def make() -> Path:
        path = _beside(target.parent, "")
        path.mkdir()
        return path

    with held_while(make) as path:
        yield path


@contextmanager
def held_while(make: Callable[[], Path]) -> Iterator[Path]:
    """Create a file or folder with `make`, lock it during the block, and remove it afterwards.

    If another process removes the file before it is locked, `make` is called again. On file systems without
    locks the file is used unlocked.
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
    """Lock a file or folder during the block, even if it is moved; yields True if the lock was acquired.

    Yields False if another process holds the lock, or nothing is at `path`. On Windows, which has no such
    locks, files not written to for a day count as abandoned (True), all others as held by another process
    (False).
    """
    handle = _lock(path)
    try:
        yield handle is not None
    finally:
        if handle is not None and handle >= 0:
            os.close(handle)


@contextmanager
def only_writer(target: Path) -> Iterator[None]:
    """Prevent all other processes from writing `target` during the block.

    Uses a lock of the operating system on a file beside `target`, which is released even if the process is
    killed. On file systems without locks, such as some network drives, the block runs without a lock.

    Raises:
        UsageError: another process is writing `target`.
    """
    from filelock import FileLock, Timeout

    final = Path(os.path.realpath(target))
    if not final.parent.is_dir():
        yield  # the writer creates the folder, or raises its own error
        return
    own = hashlib.sha256(os.fsencode(final.name)).hexdigest()[:12]
    path = final.with_name(f".impasto-{own}.lock")  # a name that `tidy` removes once it is unlocked
    lock = FileLock(path, timeout=_DYING)
    with ExitStack() as stack:
        try:
            stack.enter_context(lock)
            stack.callback(_remove, path)  # runs before the lock is released
        except Timeout as error:
            raise UsageError(
                f"another impasto is writing {target}: wait until it is done, or name another file"
            ) from error
        except (OSError, NotImplementedError):
            pass
        yield


def tidy(folder: Path) -> None:
    """Remove unlocked drafts from a folder, once per process, as only killed processes leave drafts."""
    if folder in _tidied:
        return
    _tidied.add(folder)
    remove_abandoned(folder, _NAME)


def remove_abandoned(folder: Path, name: re.Pattern[str]) -> None:
    """Remove unlocked files and folders whose names match `name`. Those that cannot be removed stay."""
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
    """Lock a file or folder; returns the file descriptor that holds the lock, or None if locking failed."""
    if sys.platform == "win32":
        with suppress(OSError):
            return -1 if time.time() - path.stat().st_mtime > _ABANDONED_AFTER else None
        return None
    handle = -1
    try:
        # writable, as network drives need it for locks; follows no link and does not wait for a pipe
        access = os.O_RDONLY if path.is_dir() else os.O_RDWR
        handle = os.open(path, access | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(handle), path.stat()):  # no other process replaced the file meanwhile
            return handle
    except OSError:
        pass
    if handle >= 0:
        os.close(handle)
    return None

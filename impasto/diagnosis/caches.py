"""Check the caches: places, sizes, and write access."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from impasto.diagnosis.findings import Finding, in_bytes, reason_of
from impasto.weights import cache_dir

_OURS = "name another folder in IMPASTO_CACHE"
_ROOM = 1_000_000_000  # bytes free; VGG-19 and the file made from it take two thirds


def look() -> Iterator[Finding]:
    """Check impasto's cache and its subfolders, PyTorch's hub cache, and the temporary folder."""
    folder = cache_dir()
    yield _kept("weights", folder, [path for path in _entries(folder) if path.is_file()], _OURS)
    for inner in sorted(path for path in _entries(folder) if path.is_dir()):
        yield _kept(inner.name, inner, _files_in(inner), _OURS)
    shared = Path(torch.hub.get_dir(), "checkpoints")
    if files := _files_in(shared):
        yield Finding("torch hub", "ok", _as_text(shared, files), facts=_facts(shared, files))
    temporary = Path(tempfile.gettempdir())
    yield _kept("temporary", temporary, [], "name another folder in TMPDIR")


def _kept(name: str, folder: Path, files: list[Path], advice: str) -> Finding:
    text, facts = _as_text(folder, files), _facts(folder, files)
    if fault := unwritable(folder):
        return Finding(name, "warning", f"{text}; it cannot be written to ({fault})", advice, facts=facts)
    free = shutil.disk_usage(_existing(folder)).free
    facts["free_bytes"] = free
    if free < _ROOM:
        wish = f"free some space, or {advice}"
        return Finding(name, "warning", f"{text}; only {in_bytes(free)} are free there", wish, facts=facts)
    parts = sum(".part" in path.name for path in files)
    unfinished = f", {parts} of them unfinished downloads, which go on when next needed" if parts else ""
    return Finding(name, "ok", f"{text}{unfinished}; {in_bytes(free)} free", facts=facts)


def unwritable(folder: Path) -> str | None:
    """Return the reason why a folder cannot be written, or cannot be created; None if it can.

    An existing folder is tested with a file. For a missing folder only permissions are checked, so that
    nothing is left behind.
    """
    existing = _existing(folder)
    if not existing.is_dir():
        return f"{existing} is no folder"
    if existing != folder:
        return None if os.access(existing, os.W_OK | os.X_OK) else f"{existing} is not writable"
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"impasto")
    except OSError as error:
        return error.strerror or reason_of(error)
    return None


def _existing(folder: Path) -> Path:
    """Return the folder, or its nearest parent that exists."""
    return next((path for path in (folder, *folder.parents) if path.exists()), folder)


def _files_in(folder: Path) -> list[Path]:
    """List all files in a folder and its subfolders."""
    return [Path(place, name) for place, _, names in os.walk(folder) for name in names]


def _entries(folder: Path) -> list[Path]:
    with suppress(OSError):
        return list(folder.iterdir())
    return []


def _as_text(folder: Path, files: list[Path]) -> str:
    if not files:
        return f"{folder}"
    count = "1 file" if len(files) == 1 else f"{len(files)} files"
    return f"{folder}, {count}, {in_bytes(_size(files))}"


def _facts(folder: Path, files: list[Path]) -> dict[str, Any]:
    return {"folder": str(folder), "files": len(files), "bytes": _size(files)}


def _size(files: Iterable[Path]) -> int:
    """Sum the sizes of files in bytes; files that no longer exist count as 0."""
    total = 0
    for path in files:
        with suppress(OSError):
            total += path.stat().st_size
    return total

"""Whether there is something under a name, which may be one that no file can have: `Path` would raise."""

from __future__ import annotations

import os


def exists(path: str | os.PathLike[str]) -> bool:
    """Whether there is a file or a folder; under a name that is too long, say, there is none."""
    return os.path.exists(path)  # noqa: PTH110


def is_file(path: str | os.PathLike[str]) -> bool:
    """Whether there is a file, likewise."""
    return os.path.isfile(path)  # noqa: PTH113


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Whether there is a folder, likewise."""
    return os.path.isdir(path)  # noqa: PTH112

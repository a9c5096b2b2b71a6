"""Existence checks that return False for invalid names instead of raising."""

from __future__ import annotations

import os


def exists(path: str | os.PathLike[str]) -> bool:
    """Return whether a file or folder exists; False for invalid names, such as overlong ones."""
    return os.path.exists(path)  # noqa: PTH110


def is_file(path: str | os.PathLike[str]) -> bool:
    """Return whether a file exists; False for invalid names."""
    return os.path.isfile(path)  # noqa: PTH113


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Return whether a folder exists; False for invalid names."""
    return os.path.isdir(path)  # noqa: PTH112


def is_unicode(path: str | os.PathLike[str]) -> bool:
    """Return whether a name is valid Unicode; names created under another encoding may not be."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True

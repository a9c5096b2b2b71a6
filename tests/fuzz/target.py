"""What a fuzz target is: a name, files to begin with, and a reader."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

MOST_PIXELS = 1_000_000  # of pictures, so that no header alone may ask for seconds of honest work


@dataclass(frozen=True)
class Target:
    """A reader under test.

    Attributes:
        name: for reports and folders.
        seeds: makes good inputs, with the package itself where it can; called once a process.
        read: reads an input as the package does, in an empty folder that is its own. Whatever it raises that
            is no ImpastoError is a bug, and so is a result that breaks the reader's promise.
    """

    name: str
    seeds: Callable[[], Sequence[bytes]]
    read: Callable[[bytes, Path], object]


def stored(data: bytes, folder: Path, name: str) -> Path:
    """The input as a file."""
    path = folder / name
    path.write_bytes(data)
    return path

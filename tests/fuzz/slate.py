"""What a worker is doing now, in memory that outlives it: the watcher reads there what killed it."""

from __future__ import annotations

import mmap
import struct
import time
from pathlib import Path
from typing import NamedTuple

_HEAD = struct.Struct("<QdQQ")  # inputs begun, when the last one was, its length, peak bytes
_LARGEST = 1 << 20


class State(NamedTuple):
    """Inputs begun so far; the one at work, if any, and since when (`time.monotonic`); peak bytes."""

    count: int
    current: bytes | None
    since: float
    peak: int


class Slate:
    """A file in memory that a worker writes and its watcher reads. `since` is 0 between inputs."""

    def __init__(self, path: Path, *, new: bool = False) -> None:
        if new:
            path.write_bytes(bytes(_HEAD.size + _LARGEST))
        self.path = path
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)
        self._count, self._peak = 0, 0

    def begin(self, data: bytes) -> None:
        """An input is about to be read."""
        self._count += 1
        self._memory[_HEAD.size : _HEAD.size + len(data[:_LARGEST])] = data[:_LARGEST]
        self._write(time.monotonic(), len(data[:_LARGEST]))

    def end(self, peak: int) -> None:
        """It was read. `peak` is in bytes."""
        self._peak = peak
        self._write(0.0, 0)

    def _write(self, since: float, length: int) -> None:
        _HEAD.pack_into(self._memory, 0, self._count, since, length, self._peak)

    def read(self) -> State:
        count, since, length, peak = _HEAD.unpack_from(self._memory, 0)
        current = self._memory[_HEAD.size : _HEAD.size + length] if since else None
        return State(count, current, since, peak)

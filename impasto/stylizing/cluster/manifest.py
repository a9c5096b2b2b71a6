"""Which pictures of a folder in a store were made, and how, so that a run need not look into each again."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from dataclasses import dataclass
from typing import Any

from impasto.stylizing.cluster.filesystems import Store

FOLDER = ".impasto"  # beside the pictures

_ENTRIES, _SECONDS = 2000, 30.0  # after which a part is written
_MOST_PARTS = 16  # more are joined in the end


@dataclass(frozen=True)
class Entry:
    """A picture: its length in bytes, and the digest of how it was made."""

    length: int
    digest: str


def digest_of(record: dict[str, Any]) -> str:
    """16 hexadecimal digits that tell records apart."""
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:16]


class Manifest:
    """Entries by URL. Stores cannot append, so that they are kept in parts, each of them a file of its own.

    A run that is killed has not written its last part: who finds a picture that no entry tells of has to look
    into the picture.
    """

    def __init__(self, store: Store, root: str) -> None:
        self._store, self._root = store, root + "/"
        self._entries: dict[str, Entry] = {}
        self._fresh: dict[str, Entry] = {}
        self._parts: list[str] = []
        self._written = time.monotonic()

    def read(self, listed: dict[str, int]) -> None:
        """Take what runs before this one left, among the files of the folder."""
        self._parts = sorted(url for url in listed if url.startswith(f"{self._root}{FOLDER}/done-"))
        for part in self._parts:
            for line in self._store.read(part).splitlines():
                self._take(line)

    def _take(self, line: bytes) -> None:
        """Parse a line of the manifest; skip damaged ones."""
        try:
            name, length, digest = json.loads(line)
            self._entries[self._root + name] = Entry(int(length), str(digest))
        except (ValueError, TypeError, ArithmeticError, RecursionError):
            return

    def find(self, url: str) -> Entry | None:
        return self._entries.get(url)

    def add(self, url: str, entry: Entry) -> None:
        """Note a picture; a part is written now and then."""
        self._entries[url] = self._fresh[url] = entry
        if len(self._fresh) >= _ENTRIES or time.monotonic() - self._written > _SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what is new."""
        if self._fresh:
            self._write(self._fresh)
        self._fresh, self._written = {}, time.monotonic()

    def close(self) -> None:
        """Write what is new, and make one part of many."""
        self.flush()
        if len(self._parts) > _MOST_PARTS:
            old = tuple(self._parts)
            self._write(self._entries)
            for part in old:
                self._store.remove(part)

    def _write(self, entries: dict[str, Entry]) -> None:
        lines = [
            json.dumps([url.removeprefix(self._root), entry.length, entry.digest])
            for url, entry in entries.items()
        ]
        part = f"{self._root}{FOLDER}/done-{time.time_ns():020}-{secrets.token_hex(4)}.jsonl"
        self._store.write(part, "\n".join(lines).encode() + b"\n")
        self._parts.append(part)

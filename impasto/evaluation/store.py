"""Cache of measurements in a file, so that an interrupted evaluation can resume."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from pathlib import Path
from typing import TextIO

from impasto.errors import ImageError

Values = dict[str, float]


class MeasurementStore:
    """Measured values by a key of everything they depend on; each is written at once, as a line of JSON.

    An incomplete line, left by a killed process, is skipped. With `path` None nothing is written.

    Raises ImageError if the file cannot be written.
    """

    def __init__(self, path: Path | None) -> None:
        self._path, self._known = path, dict[str, Values]()
        self._file: TextIO | None = None
        if path is not None and path.exists():
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                self._take(line)

    def get(self, key: str, metrics: Collection[str]) -> Values | None:
        """Return the values of these metrics, or None unless all are known."""
        known = self._known.get(key, {})
        return {name: known[name] for name in metrics} if set(metrics) <= known.keys() else None

    def add(self, key: str, values: Values) -> None:
        """Add values to those already stored for a key."""
        self._known[key] = {**self._known.get(key, {}), **values}
        if self._path is None:
            return
        try:
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("a", encoding="utf-8")
                self._file.write("\n" * bool(self._path.stat().st_size))  # ends an incomplete line
            self._file.write(json.dumps({"key": key, "values": self._known[key]}) + "\n")
            self._file.flush()
        except OSError as error:
            raise ImageError(f"{self._path} cannot be written: {error.strerror or error}") from error

    def __enter__(self) -> MeasurementStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; the values stay in memory."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _take(self, line: str) -> None:
        try:
            entry = json.loads(line)
            self._known[str(entry["key"])] = {str(k): float(v) for k, v in entry["values"].items()}
        except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError):
            return


def key_of(*parts: object) -> str:
    """Hash everything that a value depends on to a short key."""
    text = json.dumps([str(part) for part in parts])
    return hashlib.sha256(text.encode()).hexdigest()[:32]

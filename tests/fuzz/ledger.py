"""How much was read of every target, added up over all runs, in a file."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.fuzz import finds
from tests.fuzz.watcher import Round


@dataclass
class Entry:
    """Of a target: inputs, seconds, rounds, and the most that a worker grew, in bytes."""

    inputs: int = 0
    seconds: float = 0.0
    rounds: int = 0
    peak: int = 0


@dataclass
class Ledger:
    """Entries by target, in `folder/counts.json`."""

    folder: Path
    entries: dict[str, Entry] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Path, targets: list[str]) -> Ledger:
        """What is there from runs before, and a beginning for targets that are new."""
        path = folder / "counts.json"
        stored = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        entries = {name: Entry(**stored[name]) if name in stored else Entry() for name in targets}
        return cls(folder, {**{name: Entry(**entry) for name, entry in stored.items()}, **entries})

    def add(self, target: str, result: Round) -> None:
        """Count a round, and write the file anew."""
        entry = self.entries.setdefault(target, Entry())
        entry.inputs += result.count
        entry.seconds += result.seconds
        entry.rounds += 1
        entry.peak = max(entry.peak, result.peak)
        self._write(
            "counts.json", json.dumps({name: asdict(one) for name, one in self.entries.items()}, indent=1)
        )
        self._write("table.txt", self.table() + "\n")

    def least_read(self, targets: list[str]) -> str:
        """The target with the least time so far."""
        return min(targets, key=lambda name: self.entries[name].seconds)

    def table(self) -> str:
        """For people."""
        faults = finds.count(self.folder / "faults")
        lines = [f"{'target':24}{'inputs':>12}{'minutes':>9}{'a second':>10}{'peak MB':>9}{'faults':>8}"]
        for name, one in self.entries.items():
            speed = one.inputs / one.seconds if one.seconds else 0.0
            lines.append(
                f"{name:24}{one.inputs:>12,}{one.seconds / 60:>9.1f}{speed:>10.0f}{one.peak >> 20:>9}"
                f"{faults.get(name.replace(' ', '-'), 0):>8}"
            )
        inputs, seconds = (
            sum(getattr(one, name) for one in self.entries.values()) for name in ("inputs", "seconds")
        )
        lines.append(f"{'all':24}{inputs:>12,}{seconds / 60:>9.1f}{'':19}{sum(faults.values()):>8}")
        return "\n".join(lines)

    def _write(self, name: str, text: str) -> None:
        temporary = self.folder / f".{name}.{os.getpid()}"
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(self.folder / name)

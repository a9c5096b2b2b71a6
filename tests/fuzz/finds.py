"""Inputs that broke something, kept with what they did: one folder each."""

from __future__ import annotations

import hashlib
import re
import traceback
from pathlib import Path

_EACH = 5  # inputs kept of one fault


def keep(folder: Path, target: str, kind: str, fault: str, data: bytes, report: str) -> bool:
    """Keep an input as `folder/target/kind-HASH/`, unless enough of this fault are there. Whether it is new.

    `fault` tells faults apart: the place in the code, say.
    """
    name = f"{kind}-{hashlib.sha256(fault.encode()).hexdigest()[:10]}"
    place = folder / target.replace(" ", "-") / name
    is_new = not place.exists()
    place.mkdir(parents=True, exist_ok=True)
    if len(list(place.glob("*.input"))) < _EACH:
        (place / f"{hashlib.sha256(data).hexdigest()[:10]}.input").write_bytes(data)
        (place / "report.txt").write_text(report, encoding="utf-8", errors="replace")
    return is_new


def fault_of(error: BaseException) -> str:
    """The kind of an exception and the innermost lines of its traceback, without numbers that vary."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    lines = [f"{Path(frame.filename).name}:{frame.name}:{frame.line}" for frame in frames]
    return re.sub(r"0x[0-9a-f]+", "", " ".join([type(error).__name__, *lines]))


def count(folder: Path) -> dict[str, int]:
    """How many faults were found, by target."""
    found: dict[str, int] = {}
    for place in sorted(folder.glob("*/*")):
        if place.is_dir():
            name = place.parent.name
            found[name] = found.get(name, 0) + 1
    return found

"""A finding: a sentence, its severity, and a remedy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

FindingState = Literal["ok", "absent", "warning", "failed"]

_LONGEST = 300  # characters of a foreign library's reason


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. The user's home folder is written ~ in all of it.

    Attributes:
        name: of the thing, a word or two.
        state: "absent" is what nobody misses until they want it, "warning" what works and could be better.
        text: what there is, or what is wrong.
        advice: what to do, mostly a command; there for every state but "ok".
        seconds: what trying it took, or None.
        facts: numbers and versions behind the text, as JSON has them.
    """

    name: str
    state: FindingState
    text: str
    advice: str = ""
    seconds: float | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.state != "ok" and not self.advice:
            raise ValueError(f"{self.name} is {self.state}, and nothing says what to do")
        for name in ("text", "advice", "facts"):
            object.__setattr__(self, name, without_home(getattr(self, name)))


def without_home(value: Any) -> Any:
    """A text, or all in lists and dictionaries, with ~ for the home folder: it has a person's name."""
    if isinstance(value, str):
        for home in _homes():
            value = re.sub(re.escape(home) + r"(?!\w)", "~", value)
        return value
    if isinstance(value, Mapping):
        return {key: without_home(item) for key, item in value.items()}
    return [without_home(item) for item in value] if isinstance(value, list | tuple) else value


def reason_of(error: BaseException) -> str:
    """The first line of what an exception says, or its kind where it says nothing."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    kind = type(error).__name__
    return f"{kind}: {lines[0]}"[:_LONGEST] if lines else kind


def in_bytes(number: float) -> str:
    """Human-readable byte count: "574 MB"."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= size:
            return f"{number / size:.1f} {unit}" if number < 10 * size else f"{number / size:.0f} {unit}"
    return f"{number:.0f} bytes"


def _homes() -> list[str]:
    """The home folder in all ways in which messages name it, longest first.

    A root folder as home, as containers may have it, names nobody.
    """
    try:
        home = Path.home()
        named = [path for path in (home, home.resolve()) if path != Path(path.anchor)]
    except (OSError, RuntimeError):  # no home at all
        return []
    ways = {way for path in named for way in (str(path), path.as_posix(), str(path).replace("\\", "\\\\"))}
    return sorted(ways, key=len, reverse=True)

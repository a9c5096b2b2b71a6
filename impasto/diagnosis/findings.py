"""Findings: a sentence, its severity, and a remedy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

FindingState = Literal["ok", "absent", "warning", "failed"]

_LONGEST = 300  # characters of an error message of another library


@dataclass(frozen=True)
class Finding:
    """Result of one check. All texts have ~ in place of the user's home folder.

    Attributes:
        name: subject of the check, a word or two.
        state: "ok"; "absent", an optional part that is missing; "warning", a part that works, but could be
            better; or "failed".
        text: description of the part, or of the problem.
        advice: remedy, mostly a command; given for every state but "ok".
        seconds: duration of the check, or None.
        facts: numbers and versions behind the text, in JSON's types.
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
    """Replace the home folder, which contains the user's name, by ~ in texts, lists and dictionaries."""
    if isinstance(value, str):
        for home in _homes():
            value = re.sub(re.escape(home) + r"(?!\w)", "~", value)
        return value
    if isinstance(value, Mapping):
        return {key: without_home(item) for key, item in value.items()}
    return [without_home(item) for item in value] if isinstance(value, list | tuple) else value


def reason_of(error: BaseException) -> str:
    """Return the first line of an exception's message, or its type if the message is empty."""
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
    """List all spellings of the home folder in messages, the longest first.

    A home folder that is the root folder, as in some containers, is left out.
    """
    try:
        home = Path.home()
        named = [path for path in (home, home.resolve()) if path != Path(path.anchor)]
    except (OSError, RuntimeError):  # no home folder
        return []
    ways = {way for path in named for way in (str(path), path.as_posix(), str(path).replace("\\", "\\\\"))}
    return sorted(ways, key=len, reverse=True)

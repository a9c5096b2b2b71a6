"""The styles that come with the package."""

from __future__ import annotations

from pathlib import Path

_PICTURES = Path(__file__).with_name("pictures")


def pictures() -> dict[str, Path]:
    """The shipped style pictures by name, such as "swirling-night", in alphabetical order."""
    return {path.stem: path for path in sorted(_PICTURES.glob("*.jpg"))}


def find(name: str) -> Path | None:
    """The shipped picture of that name, or None."""
    return pictures().get(name)

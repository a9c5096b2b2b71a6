"""The styles and colors that the tabs offer, and what their names mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import get_args

from impasto.app.choices import StyleOption
from impasto.app.sessions import Session
from impasto.errors import UsageError
from impasto.options import KeepColor

OWN = "own"  # the visitor's picture, among the names of styles

_COLORS = {
    "none": "the style's",
    "luminance": "the photo's, by luminance",
    "histogram": "the photo's, by histogram",
    "lab-transfer": "the photo's, by their averages",
}
COLORS = [(_COLORS[how], how) for how in get_args(KeepColor)]  # what a list of them shows and means


def titles(choices: Sequence[StyleOption], cards: Iterable[str], own: str) -> list[tuple[str, str]]:
    """Titles shown in a list of styles, with the names that they stand for.

    Args:
        choices: that ship.
        cards: names of those that the visitor trained.
        own: what the visitor's picture is called.
    """
    shipped = [(one.title, one.name) for one in choices]
    return [*shipped, *((f"{name}, trained here", name) for name in cards), (own, OWN)]


def meaning(visit: Session, name: str, own: str | None) -> str | Path:
    """Resolve a name: the visitor's picture, a card that the visitor trained, or a shipped style.

    Raises UsageError: there is no picture.
    """
    if name == OWN:
        if not own:
            raise UsageError("drop the picture whose look is to be taken, or choose a style")
        return Path(own)
    return visit.cards.get(name, name)

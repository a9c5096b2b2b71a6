"""Lists of styles and colors for the tabs, and the styles that their names stand for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import get_args

from impasto.app.choices import StyleOption
from impasto.app.sessions import Session
from impasto.errors import UsageError
from impasto.options import KeepColor

OWN_TITLE = "Your own style picture"
OWN = "own"  # name of the uploaded style picture in a list of styles

_COLORS = {
    "none": "the style's",
    "luminance": "the photo's, by luminance",
    "histogram": "the photo's, by histogram",
    "lab-transfer": "the photo's, by their averages",
}
COLORS = [(_COLORS[how], how) for how in get_args(KeepColor)]  # pairs of label and value


def titles(choices: Sequence[StyleOption], cards: Iterable[str]) -> list[tuple[str, str]]:
    """Return pairs of title and name for a list of styles.

    Args:
        choices: the shipped styles.
        cards: names of styles that the visitor trained.
    """
    shipped = [(one.title, one.name) for one in choices]
    return [*shipped, *((name, name) for name in cards), (OWN_TITLE, OWN)]


def meaning(visit: Session, name: str, own: str | None) -> str | Path:
    """Resolve a name: the uploaded picture, a card that the visitor trained, or a shipped style.

    Raises UsageError if no picture was uploaded.
    """
    if name == OWN:
        if not own:
            raise UsageError("drop a picture to use as a style, or choose a style")
        return Path(own)
    return visit.cards.get(name, name)


def highlight_script(gallery: str, choices: Sequence[StyleOption]) -> str:
    """Return a script that marks the style with a name in the gallery with an id; `page.js` does the work."""
    shipped = json.dumps({one.name: one.title for one in choices})
    return f"""(name) => {{
        (window.impastoChosen ??= {{}})["#{gallery}"] = {shipped}[name] ?? name;
        window.impastoMark?.();
    }}"""

"""The styles that come with the package: pictures to paint with, and cards of trained networks."""

from __future__ import annotations

import difflib
import math
from pathlib import Path
from typing import TYPE_CHECKING

from impasto.errors import UsageError, WeightsError

if TYPE_CHECKING:
    from impasto.networks.card import Card

_PICTURES = Path(__file__).with_name("pictures")
_CARDS = Path(__file__).with_name("cards")
_SAMPLE = Path(__file__).with_name("sample.jpg")
_CARD, _PUBLISHED = ".safetensors", (".pth", ".pt", ".model")
_PICTURE = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".gif", ".bmp", ".avif", ".heic", ".heif")


def pictures() -> dict[str, Path]:
    """The shipped style pictures by name, such as "swirling-night", in alphabetical order."""
    return {path.stem: path for path in sorted(_PICTURES.glob("*.jpg"))}


def find(name: str) -> Path | None:
    """The shipped picture of that name, or None."""
    return pictures().get(name)


def cards() -> dict[str, Path]:
    """The shipped style cards by name, such as "starry-night", in alphabetical order."""
    return {path.stem: path for path in sorted(_CARDS.glob(f"*{_CARD}"))}


def sample() -> Path:
    """A small photo to show styles on: see NOTICE for its author."""
    return _SAMPLE


def load(style: str | Path) -> Card:
    """The trained style of a shipped name, a card's file, or a published checkpoint of Johnson's network.

    Raises:
        UsageError: no such name, or a picture, which is a style to paint with and not a trained one.
        WeightsError: a file that is missing, damaged, newer than this version, or no card.
    """
    path = Path(shipped) if (shipped := cards().get(str(style))) else Path(style)
    suffix = path.suffix.lower()
    if suffix in _PICTURE or (not path.is_file() and find(str(style))):
        raise UsageError(
            f"{style} is a picture, not a trained style: paint with it (impasto paint), or train a card for "
            "it (impasto train)"
        )
    if path.is_file() and suffix in _PUBLISHED:
        from impasto.networks.published import load_published

        return load_published(path)
    if not path.exists() and suffix not in (_CARD, *_PUBLISHED):
        raise UsageError(f"there is no style {style}{_advice(str(style))}")
    if not path.exists():
        raise WeightsError(f"there is no style card {style}{_advice(path.stem)}")
    from impasto.networks.card import load_card

    return load_card(path)


def parse(text: str) -> tuple[str, float]:
    """Style and weight of "starry-night:0.6", "starry-night" or "card.safetensors:2".

    A file of that very name wins. Raises UsageError for a weight that is no number from 0 up.
    """
    name, _, number = text.rpartition(":")
    try:
        weight = float(number)
    except ValueError:
        name, weight = text, 1.0
    if Path(text).exists():
        return text, 1.0
    if not name or not 0 <= weight < math.inf:
        raise UsageError(f"{text}: the weight of a style is a number from 0 up, as in starry-night:0.6")
    return name, weight


def is_style(text: str) -> bool:
    """Whether a text that stands among photos can only mean a trained style: a shipped name, a card's file,
    or, where there is no such file, anything with a weight.
    """
    name, _, number = text.rpartition(":")
    weighted = bool(name) and number.replace(".", "", 1).isdecimal()
    if (name if weighted else text).lower().endswith(_CARD):
        return True
    return not Path(text).exists() and (weighted or text in cards())


def _advice(name: str) -> str:
    """What follows a name that is not found: near ones, and all there are."""
    names = list(cards())
    if not names:
        return ": no trained styles come with this version; train a card (impasto train)"
    near = difflib.get_close_matches(name.lower(), names, n=2, cutoff=0.5)
    meant = f": did you mean {' or '.join(near)}?" if near else ":"
    return f"{meant} the shipped ones are {', '.join(names)}; a file ends in {_CARD}"

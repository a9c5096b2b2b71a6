"""Shipped styles: pictures to paint with, and cards of trained networks."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from impasto.errors import ImageError, UsageError, WeightsError
from impasto.safe_paths import exists, is_file

if TYPE_CHECKING:
    from impasto.networks.card import Card

_PICTURES = Path(__file__).with_name("pictures")
_TEXTURES = Path(__file__).with_name("textures")
_CARDS = Path(__file__).with_name("cards")
_SAMPLE = Path(__file__).with_name("sample.jpg")
_CARD, _PUBLISHED = ".safetensors", (".pth", ".pt", ".model")
NETWORKS = (_CARD, *_PUBLISHED)  # suffixes of files that contain a style's network, not its picture


def pictures() -> dict[str, Path]:
    """Shipped style pictures by name, such as "swirling-night", in alphabetical order."""
    return {path.stem: path for path in sorted(_PICTURES.glob("*.jpg"))}


def paintable() -> dict[str, Path]:
    """Shipped pictures to paint with, by name: style pictures, and a texture of each card's artwork."""
    textures = {path.stem: path for path in sorted(_TEXTURES.glob("*.jpg"))}
    return {**pictures(), **textures}


def find(name: str) -> Path | None:
    """Find the shipped picture, or the texture of a shipped card's artwork, by name; or None."""
    return paintable().get(name)


def cards() -> dict[str, Path]:
    """Shipped style cards by name, such as "starry-night", in alphabetical order."""
    return {path.stem: path for path in sorted(_CARDS.glob(f"*{_CARD}"))}


def sample() -> Path:
    """Path of a small shipped photo for examples; see NOTICE for its author."""
    return _SAMPLE


def load(style: str | Path) -> Card:
    """Load a style: a shipped name, a card, any picture, or a published checkpoint of Johnson et al.

    The embedded adaptive network makes the card of a picture: see `encoding.encode`.

    Raises:
        UsageError: an unknown name.
        ImageError: a file that is neither a card nor a picture, or a picture without a style.
        WeightsError: a file that is missing, damaged, newer than this version, or not a card.
    """
    name = str(style)
    path = Path(cards().get(name) or style)
    if not is_file(path):
        path = find(name) or path
    suffix = path.suffix.lower()
    if not exists(path) and suffix in NETWORKS:
        raise WeightsError(f"there is no style card {style}{_advice(path.stem)}")
    if not exists(path):
        raise UsageError(f"there is no {'file' if suffix else 'style'} {style}{_advice(name)}")
    if suffix == _CARD:
        from impasto.networks.card import load_card

        return load_card(path)
    if suffix in _PUBLISHED:
        from impasto.networks.published import load_published

        return load_published(path)
    from impasto.encoding import encode_file

    return encode_file(path)


def find_picture(name: str) -> Path:
    """Find the picture that a name means: a file, or else a shipped one. Raises ImageError for neither."""
    path = Path(name) if exists(name) else find(name)
    if path is None:
        near = _near(name, paintable()) or ";"
        raise ImageError(f"{name} does not exist{near} the shipped styles are {', '.join(paintable())}")
    return path


def parse(text: str) -> tuple[str, float]:
    """Parse style and weight from "starry-night:0.6", "starry-night" or "card.safetensors:2".

    If a file has exactly this name, the text is its name. Raises UsageError for an invalid or negative
    weight.
    """
    name, _, number = text.rpartition(":")
    try:
        weight = float(number)
    except ValueError:
        name, weight = text, 1.0
    if exists(text):
        return text, 1.0
    if not name or not 0 <= weight < math.inf:
        raise UsageError(f"{text}: the weight of a style must be 0 or more, e.g. starry-night:0.6")
    return name, weight


def is_style(text: str) -> bool:
    """Return whether a text among photos must be a trained style.

    True for a shipped name, for a card's file, and for a text with a weight that is not the name of a file.
    """
    name, _, number = text.rpartition(":")
    weighted = bool(name) and number.replace(".", "", 1).isdecimal()
    if (name if weighted else text).lower().endswith(_CARD):
        return True
    return not exists(text) and (weighted or text in cards())


def _advice(name: str) -> str:
    """Advice for a name that was not found: similar names, and all names."""
    names = list(cards())
    if not names:
        return ": no trained styles ship with this version; train a card (impasto train)"
    near = _near(name, names) or ":"
    return f"{near} the shipped ones are {', '.join(names)}; any picture file is a style, too"


def _near(name: str, names: Iterable[str]) -> str:
    """Suggest similar names as a question; empty if no name is similar."""
    near = difflib.get_close_matches(name.lower(), names, n=2, cutoff=0.5)
    return f": did you mean {' or '.join(near)}?" if near else ""

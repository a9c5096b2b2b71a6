"""The styles that the page offers, each shown on a sample photo."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from impasto import styles
from impasto.app.look import names
from impasto.imaging import io
from impasto.imaging.geometry import fit_long_side, resize
from impasto.networks.card import load_summary
from impasto.stylizing.stylizer import Stylizer

_SEEN, _SIDE = 480, 240  # pixels of the sample's long side: as networks see it, and as it is shown


@dataclass(frozen=True)
class StyleOption:
    """A style that can be chosen.

    Attributes:
        name: what ships under that name, or a card's file.
        title: for people.
        thumbnail: what the style makes of the sample.
    """

    name: str
    title: str
    thumbnail: Path


def shipped(folder: Path) -> list[StyleOption]:
    """Return every shipped style; write its thumbnail to the folder."""
    return [StyleOption(name, title_of(name), thumbnail(name, folder / f"{name}.jpg")) for name in names()]


def title_of(name: str) -> str:
    """ "The Scream, Edvard Munch" of a work that is known, "Swirling night" of a name."""
    if path := styles.cards().get(name):
        summary = load_summary(path)
        return f"{summary.title}, {summary.artist}"
    return name.replace("-", " ").capitalize()


def thumbnail(style: str | Path, path: Path) -> Path:
    """Write what a style, of any kind that `styles.load` takes, makes of the sample."""
    photo, info = io.read(styles.sample())
    seen = resize(photo[None], fit_long_side(info.size, _SEEN))[0]
    picture = Stylizer(str(style), runtime="torch").picture(seen)
    io.write(path, resize(picture[None], fit_long_side(info.size, _SIDE))[0], quality=85)
    return path

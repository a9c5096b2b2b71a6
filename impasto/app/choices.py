"""Styles offered on the page, each with a thumbnail of a sample photo in that style."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from impasto import styles
from impasto.app.look import names, title_of
from impasto.imaging import io
from impasto.imaging.geometry import fit_long_side, resize
from impasto.stylizing.stylizer import Stylizer

_SEEN, _SIDE = 480, 240  # long side in pixels: of the sample as networks get it, and of the thumbnail


@dataclass(frozen=True)
class StyleOption:
    """A style that can be chosen.

    Attributes:
        name: of the shipped style.
        title: of the work, for display.
        thumbnail: the sample photo in this style.
    """

    name: str
    title: str
    thumbnail: Path


def shipped(folder: Path) -> list[StyleOption]:
    """Return every shipped style; write its thumbnail to the folder."""
    return [StyleOption(name, title_of(name), thumbnail(name, folder / f"{name}.jpg")) for name in names()]


def thumbnail(style: str | Path, path: Path) -> Path:
    """Write the sample photo in a style, of any kind that `styles.load` takes; return the path."""
    photo, info = io.read(styles.sample())
    seen = resize(photo[None], fit_long_side(info.size, _SEEN))[0]
    picture = Stylizer(str(style), runtime="torch").picture(seen)
    io.write(path, resize(picture[None], fit_long_side(info.size, _SIDE))[0], quality=85)
    return path

"""Styles offered on the page, each with a thumbnail: a sample photo in that style, or the visitor's photo."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from zipfile import ZIP_STORED, ZipFile

from torch import Tensor

from impasto import styles
from impasto.app.decoding import check_decoding
from impasto.app.inference import shown_size
from impasto.app.limits import Limits
from impasto.app.look import names, title_of
from impasto.app.sessions import ContactSheet, Session
from impasto.imaging import io
from impasto.imaging.geometry import fit_long_side, resize
from impasto.stylizing.stylizer import Stylizer

_SEEN, _SIDE = 480, 240  # long side in pixels: of the sample as networks get it, and of the thumbnail
_SMALL = 320  # long side in pixels of a visitor's photo in every style
_BETWEEN = 0.5  # seconds between two states of a contact sheet
_LOCK = Lock()  # loaded styles are shared by all visitors


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
    picture = _picture(style, seen)
    io.write(path, resize(picture[None], fit_long_side(info.size, _SIDE))[0], quality=85)
    return path


def contact_sheet(
    visit: Session, photo: Path, offered: Mapping[str, str | Path], limits: Limits
) -> Iterator[ContactSheet]:
    """Yield small pictures of a photo in more and more of the styles, twice a second. The visit keeps them.

    Args:
        offered: shipped names, or cards that the visitor trained, by their names on the page.

    Raises ImpastoError for a photo that cannot be read.
    """
    check_decoding(photo, limits)
    image, info = io.read(photo, max_pixels=limits.pixels)
    seen = resize(image[None], fit_long_side(info.size, min(_SMALL, max(info.size))))[0]
    sheet = ContactSheet(photo, {})
    told = time.monotonic()
    for name, style in offered.items():
        sheet.pictures[name] = visit.new_file(f"{name}.jpg")
        io.write(sheet.pictures[name], _picture(style, seen), quality=85)
        if time.monotonic() - told > _BETWEEN:
            told = time.monotonic()
            yield sheet
    before, visit.sheet = visit.sheet, sheet
    visit.retire(before.pictures.values() if before else ())
    yield sheet


def write_all(visit: Session, photo: Path, offered: Mapping[str, str | Path], limits: Limits) -> Path:
    """Write a ZIP file with a photo in every style, at the size shown on the page. Raises ImpastoError."""
    check_decoding(photo, limits)
    image, info = io.read(photo, max_pixels=limits.pixels)
    seen = resize(image[None], shown_size(info.size))[0]
    target = visit.hand_out(f"{photo.stem}-styles.zip")
    with ZipFile(target, "w", ZIP_STORED) as archive:  # JPEGs do not become smaller
        for name, style in offered.items():
            picture = visit.new_file(f"{photo.stem}-{name}.jpg")
            io.write(picture, _picture(style, seen), quality=90)
            archive.write(picture, picture.name)
            visit.drop(picture)
    return target


def _picture(style: str | Path, photo: Tensor) -> Tensor:
    """Return a photo, (3, H, W), in a style. Shipped styles stay loaded."""
    stylizer = _loaded(style) if isinstance(style, str) else Stylizer(str(style), runtime="torch")
    with _LOCK:
        return stylizer.picture(photo)


@cache
def _loaded(name: str) -> Stylizer:
    return Stylizer(name, runtime="torch")

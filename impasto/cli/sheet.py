"""Contact sheets: styles by photos, as one HTML page that needs nothing else, or as one PNG."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from impasto.errors import UsageError
from impasto.imaging import io
from impasto.imaging.files import check_target, replacing
from impasto.imaging.geometry import fit_long_side, resize
from impasto.networks.card import Card

SAMPLE_CREDIT = "Photo: the Summer Palace by danielbuechele, CC BY 2.0, flickr.com/photos/danielbuechele"

_SIDE = 480  # pixels, of a photo at most
_ROW, _GAP, _LABEL = 240, 12, 52  # pixels in the PNG: height of a picture, between them, above them
_WIDTH = 640  # pixels at least: the credits need them
_INK, _FAINT, _PAPER = "#1a1a1a", "#5f5f5f", "#ffffff"


@dataclass(frozen=True)
class Row:
    """A style, with its pictures of the photos."""

    name: str
    card: Card
    pictures: Sequence[Image.Image]

    @property
    def credit(self) -> str:
        """The work that it was taken from, as far as the card tells."""
        card = self.card
        return ", ".join(text for text in (card.title, card.artist, card.year, card.licence) if text)


@dataclass(frozen=True)
class Sheet:
    """Photos by name, and a row per style with as many pictures."""

    names: Sequence[str]
    photos: Sequence[Image.Image]
    rows: Sequence[Row]
    credit: str = ""


def check(path: Path) -> None:
    """Raise UsageError or ImageError if no sheet can be written there."""
    if path.suffix.lower() not in (".html", ".png"):
        raise UsageError(f"{path} must end in .html or .png")
    check_target(path)


def open_photo(path: Path, side: int = _SIDE) -> Image.Image:
    """A photo, upright, no larger than `side`. Raises ImageError."""
    image, info = io.read(path)
    if max(info.size) > side:
        image = resize(image[None], fit_long_side(info.size, side))[0]
    return io.to_pil(image)


def write(path: Path, sheet: Sheet) -> None:
    """Write the sheet, whole or not at all. Raises ImageError."""
    with replacing(path) as temporary:
        if path.suffix.lower() == ".html":
            temporary.write_text(as_html(sheet), encoding="utf-8")
        else:
            as_png(sheet).save(temporary, "PNG", optimize=True)


def as_html(sheet: Sheet) -> str:
    """The page, with the pictures in it."""
    photos = [_image(photo, name) for name, photo in zip(sheet.names, sheet.photos, strict=True)]
    sections = [_section("photos", "", photos)]
    for row in sheet.rows:
        alts = [f"{name} in the style of {row.name}" for name in sheet.names]
        images = [_image(picture, alt) for picture, alt in zip(row.pictures, alts, strict=True)]
        sections.append(_section(row.name, _credit_html(row), images))
    footer = f"<footer>{escape(sheet.credit)}</footer>" if sheet.credit else ""
    return _PAGE.format(body="\n".join(sections), footer=footer)


def as_png(sheet: Sheet) -> Image.Image:
    """The same as one picture."""
    originals = Row("photos", Card("", {}, {}), sheet.photos)
    rows = [[_at_height(picture) for picture in row.pictures] for row in (originals, *sheet.rows)]
    width = max(_WIDTH, _GAP + max(sum(picture.width + _GAP for picture in row) for row in rows))
    height = len(rows) * (_ROW + _LABEL) + _GAP + (_LABEL if sheet.credit else 0)
    paper = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(paper)
    for index, (row, pictures) in enumerate(zip((originals, *sheet.rows), rows, strict=True)):
        top = index * (_ROW + _LABEL)
        draw.text((_GAP, top + 14), row.name, _INK, ImageFont.load_default(16))
        draw.text((_GAP, top + 34), row.credit, _FAINT, ImageFont.load_default(11))
        left = _GAP
        for picture in pictures:
            paper.paste(picture, (left, top + _LABEL))
            left += picture.width + _GAP
    draw.text((_GAP, height - _LABEL // 2), sheet.credit, _FAINT, ImageFont.load_default(11))
    return paper


def _at_height(picture: Image.Image) -> Image.Image:
    width = max(1, round(picture.width * _ROW / picture.height))
    return picture.convert("RGB").resize((width, _ROW), Image.Resampling.LANCZOS)


def _image(picture: Image.Image, alt: str) -> str:
    buffer = BytesIO()
    picture.convert("RGB").save(buffer, "JPEG", quality=88)
    data = base64.b64encode(buffer.getvalue()).decode()
    size = f'width="{picture.width}" height="{picture.height}"'
    return f'<img src="data:image/jpeg;base64,{data}" alt="{escape(alt)}" {size}>'


def _section(title: str, credit: str, images: Sequence[str]) -> str:
    return f"<section><h2>{escape(title)}</h2><p>{credit}</p><div>{''.join(images)}</div></section>"


def _credit_html(row: Row) -> str:
    text, origin = escape(row.credit), row.card.origin
    if origin.startswith(("https://", "http://")):
        return f'{text} <a href="{escape(origin)}">origin</a>'
    return ". ".join(part for part in (text, escape(origin)) if part)


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>impasto: styles</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.4 system-ui, sans-serif; }}
body {{ margin: 1.5rem; }}
h2 {{ margin: 1.5rem 0 0; font-size: 1.1rem; }}
p, footer {{ margin: 0 0 .5rem; font-size: .85rem; opacity: .75; }}
div {{ display: flex; flex-wrap: wrap; gap: .75rem; }}
img {{ height: 15rem; width: auto; max-width: 100%; object-fit: contain; border-radius: 4px; }}
footer {{ margin-top: 2rem; }}
</style>
</head>
<body>
<h1>Styles</h1>
{body}
{footer}
</body>
</html>
"""

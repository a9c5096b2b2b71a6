"""Contact sheets: rows of labelled pictures, as one HTML page that needs nothing else, or as one picture."""

from __future__ import annotations

import base64
import unicodedata
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

_PICTURES = (".png", ".jpg", ".jpeg")
_GAP, _BETWEEN = 12, 24  # pixels around pictures, and between rows
_WIDTH = 640  # pixels at least: the credits need them
_TITLE, _LABEL, _SMALL = 18, 14, 12  # pixels, of the letters
_LINE = 1.5  # height of a line, in letters
_INK, _FAINT, _PAPER = "#1a1a1a", "#5f5f5f", "#ffffff"


@dataclass(frozen=True)
class Cell:
    """A picture, what stands above it, and what takes its place for those who cannot see it."""

    picture: Image.Image
    label: str = ""
    alt: str = ""


@dataclass(frozen=True)
class SheetRow:
    """Pictures side by side under a title, the credit of what they show, and where that is from."""

    title: str
    cells: Sequence[Cell]
    credit: str = ""
    origin: str = ""


@dataclass(frozen=True)
class Sheet:
    """Rows, one below the other; `height` in pixels shows all pictures equally high."""

    rows: Sequence[SheetRow]
    title: str
    credit: str = ""
    height: int | None = None


def check(path: Path) -> None:
    """Raise UsageError or ImageError if no sheet can be written there."""
    if path.suffix.lower() not in (".html", *_PICTURES):
        raise UsageError(f"{path} must end in .html, .png or .jpg")
    check_target(path)


def open_photo(path: Path, side: int) -> Image.Image:
    """A photo, upright, no larger than `side`. Raises ImageError."""
    image, info = io.read(path)
    if max(info.size) > side:
        image = resize(image[None], fit_long_side(info.size, side))[0]
    return io.to_pil(image)


def write(path: Path, sheet: Sheet) -> None:
    """Write the sheet, whole or not at all. Raises UsageError, ImageError."""
    if path.suffix.lower() == ".html":
        with replacing(path) as temporary:
            temporary.write_text(as_html(sheet), encoding="utf-8")
    else:
        io.write(path, io.read(as_picture(sheet))[0], quality=92)


def as_html(sheet: Sheet) -> str:
    """The page, with the pictures in it."""
    body = "\n".join(_section(row) for row in sheet.rows)
    footer = f"<footer>{escape(sheet.credit)}</footer>" if sheet.credit else ""
    height = f"{sheet.height}px" if sheet.height else "auto"
    return _PAGE.format(title=escape(sheet.title), body=body, footer=footer, height=height)


def as_picture(sheet: Sheet) -> Image.Image:
    """Render the sheet as one RGB picture."""
    rows = [[_as_high(cell, sheet.height) for cell in row.cells] for row in sheet.rows]
    width = max(_WIDTH, *(_GAP + sum(cell.picture.width + _GAP for cell in cells) for cells in rows))
    bands = [_band(row, cells, width) for row, cells in zip(sheet.rows, rows, strict=True)]
    if sheet.credit:
        bands.append(_text(sheet.credit, _SMALL, _FAINT, width - 2 * _GAP))
    paper = Image.new("RGB", (width, sum(band.height + _BETWEEN for band in bands)), _PAPER)
    top = _GAP
    for band in bands:
        paper.paste(band, (_GAP, top))
        top += band.height + _BETWEEN
    return paper


def shorten(text: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, width: float) -> str:
    """A text that is no wider than `width` pixels, with an ellipsis where it was cut."""
    if font.getlength(text) <= width:
        return text
    kept = len(text)
    while kept and font.getlength(text[:kept].rstrip() + "…") > width:
        kept -= 1
    return text[:kept].rstrip() + "…"


def _as_high(cell: Cell, height: int | None) -> Cell:
    picture = cell.picture.convert("RGB")
    if height is not None:
        width = max(1, round(picture.width * height / picture.height))
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    return Cell(picture, cell.label)


def _band(row: SheetRow, cells: Sequence[Cell], width: int) -> Image.Image:
    """A row: title, credit, labels where there are any, pictures."""
    inner = width - 2 * _GAP
    lines = [_text(row.title, _TITLE, _INK, inner)]
    if row.credit:
        lines.append(_text(row.credit, _SMALL, _FAINT, inner))
    labels = [_text(cell.label, _LABEL, _FAINT, cell.picture.width) for cell in cells if cell.label]
    under = sum(line.height for line in lines)
    top = under + max((label.height for label in labels), default=0)
    band = Image.new("RGB", (inner, top + max(cell.picture.height for cell in cells)), _PAPER)
    for index, line in enumerate(lines):
        band.paste(line, (0, sum(above.height for above in lines[:index])))
    left = 0
    for cell in cells:
        if cell.label:
            band.paste(labels.pop(0), (left, under))
        band.paste(cell.picture, (left, top))
        left += cell.picture.width + _GAP
    return band


def _text(text: str, letters: int, color: str, width: int) -> Image.Image:
    """A line, shortened to a width in pixels. Pillow's own font has little beyond ASCII: accents go."""
    font = ImageFont.load_default(letters)
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode() or "?"
    line = Image.new("RGB", (max(1, width), round(_LINE * letters)), _PAPER)
    ImageDraw.Draw(line).text((0, letters * 0.1), shorten(plain, font, width), color, font)
    return line


def _section(row: SheetRow) -> str:
    figures = "".join(_figure(cell) for cell in row.cells)
    return f"<section><h2>{escape(row.title)}</h2><p>{_credit(row)}</p><div>{figures}</div></section>"


def _figure(cell: Cell) -> str:
    buffer = BytesIO()
    cell.picture.convert("RGB").save(buffer, "JPEG", quality=88)
    data = base64.b64encode(buffer.getvalue()).decode()
    size = f'width="{cell.picture.width}" height="{cell.picture.height}"'
    image = f'<img src="data:image/jpeg;base64,{data}" alt="{escape(cell.alt)}" {size}>'
    caption = f"<figcaption>{escape(cell.label)}</figcaption>" if cell.label else ""
    return f"<figure>{caption}{image}</figure>"


def _credit(row: SheetRow) -> str:
    text, origin = escape(row.credit), row.origin
    if origin.startswith(("https://", "http://")):
        return f'{text} <a href="{escape(origin)}">origin</a>'
    return ". ".join(part for part in (text, escape(origin)) if part)


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>impasto: {title}</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.4 system-ui, sans-serif; }}
body {{ margin: 1.5rem; }}
h2 {{ margin: 1.5rem 0 0; font-size: 1.1rem; }}
p, footer, figcaption {{ margin: 0 0 .5rem; font-size: .85rem; opacity: .75; }}
div {{ display: flex; flex-wrap: wrap; align-items: end; gap: .75rem; }}
figure {{ margin: 0; }}
img {{ height: {height}; width: auto; max-width: 100%; object-fit: contain; border-radius: 4px; }}
footer {{ margin-top: 2rem; }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
{footer}
</body>
</html>
"""

"""One picture of all pictures. It shows reference photos, so it is kept out of the repository."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from benchmarks.gallery import Gallery, Painting
from benchmarks.report import console
from benchmarks.settings import Settings

COLUMNS = ("photo", "style", "quick", "compact", "best", "16x", "exact")
WIDTH, HEIGHT, LABEL = 400, 300, 22


def save(settings: Settings, gallery: Gallery, paintings: list[Painting], rows: list[dict[str, Any]]) -> Path:
    """A row per pair: photo, style, and each painter's picture with its scores."""
    scores = {(row["pair"], row["painter"], row["strength"]): row for row in rows}
    cells: dict[tuple[str, str], tuple[Path, str]] = {}
    for pair in settings.chosen():
        cells[pair.name, "photo"] = pair.photo, pair.name
        cells[pair.name, "style"] = pair.style, pair.style.stem
    for painting in paintings:
        key = (painting.pair.name, painting.painter)
        row = scores[*key, painting.options.strength]
        label = f"{painting.painter}  {row['style']:.3f} @ {row['content']:.2f}, {row['layout']:.2f}"
        cells[key] = gallery.file(painting), label
    path = settings.pictures / f"sheet-{settings.size}.jpg"
    draw([pair.name for pair in settings.chosen()], COLUMNS, cells).save(path, quality=90)
    console.print(f"contact sheet: {path}")
    return path


def draw(
    rows: Sequence[str], columns: Sequence[str], cells: Mapping[tuple[str, str], tuple[Path, str]]
) -> Image.Image:
    """Pictures with labels, by row and column."""
    sheet = Image.new("RGB", (len(columns) * WIDTH, len(rows) * (HEIGHT + LABEL)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for y, row in zip(range(0, sheet.height, HEIGHT + LABEL), rows, strict=True):
        for x, column in zip(range(0, sheet.width, WIDTH), columns, strict=True):
            if found := cells.get((row, column)):
                pen.text((x + 4, y + 2), found[1], fill="black", font=font)
                sheet.paste(_thumbnail(found[0]), (x + 2, y + LABEL))
    return sheet


def _thumbnail(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        small = picture.convert("RGB")
    small.thumbnail((WIDTH - 4, HEIGHT - 2), Image.Resampling.LANCZOS)
    return small

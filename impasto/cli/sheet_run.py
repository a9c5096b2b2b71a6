"""`impasto sheet` at work: everything behind the command line that needs torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from PIL import Image

from impasto import styles
from impasto.cli import contact
from impasto.cli.contact import Cell, Sheet, SheetRow
from impasto.cli.display import Show, counted, progress, say
from impasto.cli.paint import parse_style
from impasto.cli.sheet import Column, SheetJob
from impasto.cli.styles_run import credit_of
from impasto.imaging import io
from impasto.painting.options import PaintOptions
from impasto.painting.paint import Painter
from impasto.stylizing.stylizer import Stylizer

Draw = Callable[[Image.Image, Mapping[str, Any], Callable[[float], None]], Image.Image]


@dataclass(frozen=True)
class Drawer:
    """A style: `draw` makes a picture of a photo with a column's options, and tells what share is done."""

    name: str
    draw: Draw
    credit: str = ""
    origin: str = ""


@dataclass
class SheetProgress:
    """Progress over all pictures of a sheet."""

    show: Show
    doing: str
    total: int
    title: str = ""
    pictures: int = 0

    def __call__(self, done: float) -> None:
        """Tell the share of the present picture that is done."""
        self.show((self.pictures + done) / self.total, self.doing, self.title)


def run(job: SheetJob) -> None:
    """Draw and write; raises what `explained` explains."""
    contact.check(job.out)
    paints = job.engine == "paint"
    drawers = [_painter(style, job.side) if paints else _stylizer(style) for style in job.styles]
    photos = [(path.stem, contact.open_photo(path, job.side)) for path in job.photos]
    rows = []
    with progress(job.quiet) as show:
        total = len(photos) * len(drawers) * len(job.columns)
        watch = SheetProgress(show, "painting" if paints else "stylizing", total)
        for (name, photo), drawer in product(photos, drawers):
            watch.title = drawer.name if len(photos) == 1 else f"{drawer.name}: {name}"
            rows.append(_row(photo, drawer, job.columns, watch))
    contact.write(job.out, Sheet(rows, "Styles", _footer(job)))
    if not job.quiet:
        size = f"{counted(len(drawers), 'style')} in {counted(len(job.columns), 'column')}"
        say(f"{job.out}: {size}, {counted(len(photos), 'photo')}")


def _row(photo: Image.Image, drawer: Drawer, columns: Sequence[Column], watch: SheetProgress) -> SheetRow:
    cells = [Cell(photo, "photo", "the photo")]
    for column in columns:
        watch(0.0)
        picture = drawer.draw(photo, column.options, watch)
        cells.append(Cell(picture, column.label, f"{watch.title}, {column.label}"))
        watch.pictures += 1
    return SheetRow(watch.title, cells, drawer.credit, drawer.origin)


def _stylizer(style: str) -> Drawer:
    """Raises UsageError, WeightsError, ImageError: no such style."""

    def draw(photo: Image.Image, options: Mapping[str, Any], tell: Callable[[float], None]) -> Image.Image:
        return Stylizer(style, runtime="torch", **options)(photo)

    card = styles.load(style)
    return Drawer(card.style or style, draw, credit_of(card) or _credit(style), card.origin)


def _painter(style: str, side: int) -> Drawer:
    """Raises UsageError, ImageError: no such picture."""
    path, _ = parse_style(style)
    io.read(path)

    def draw(photo: Image.Image, options: Mapping[str, Any], tell: Callable[[float], None]) -> Image.Image:
        painter = Painter(photo, path, PaintOptions(size=side, **options))
        for step in painter.steps():
            tell(step.done)
        return io.to_pil(*painter.finish(step))

    return Drawer(path.stem, draw, _credit(style))


def _credit(style: str) -> str:
    """Of a picture: only those that ship are known."""
    return "our own, CC0" if styles.find(style) else ""


def _footer(job: SheetJob) -> str:
    """Networks make strokes of so many pixels, whatever the size of the photo."""
    if job.engine == "paint":
        return ""
    return (
        f"Made at {job.side} pixels: on larger pictures strokes are finer, unless the stroke size grows, too."
    )

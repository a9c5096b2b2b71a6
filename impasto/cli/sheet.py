"""`impasto sheet`: photos in several styles, one option turned from column to column."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import typer

from impasto import styles
from impasto.cli.display import Show, counted, progress, say
from impasto.cli.error_handling import explained
from impasto.cli.flags import QuietFlag, style_names
from impasto.cli.paint import parse_style
from impasto.cli.styles import credit_of
from impasto.errors import UsageError
from impasto.options import KeepColor, check_choice, check_range, check_whole
from impasto.painting.options import PaintOptions

if TYPE_CHECKING:
    from PIL.Image import Image

    from impasto.cli.contact import SheetRow

    Draw = Callable[[Image, Mapping[str, Any], Callable[[float], None]], Image]

Engine = Literal["stylize", "paint"]
SIDES: Mapping[str, int] = {"stylize": 400, "paint": 256}  # pixels, of a picture
_STRENGTHS = (0.25, 0.5, 0.75, 1.0)
_FLAGS = {"strength": "--strengths", "stroke_size": "--strokes", "keep_color": "--keep-color"}
_WORDS = {"strength": "strength", "stroke_size": "strokes", "keep_color": "color:"}


@dataclass(frozen=True)
class Column:
    """A column: its label, and engine options by name."""

    label: str
    options: Mapping[str, Any]


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


def plan_columns(given: Mapping[str, Sequence[Any]]) -> tuple[Column, ...]:
    """A column for each value of the option that has several; of `strength`, if none has.

    Raises UsageError where two have: a sheet has two directions, and one is the styles'.
    """
    several = [name for name, values in given.items() if len(values) > 1]
    if len(several) > 1:
        flags = " and ".join(_FLAGS[name] for name in several)
        raise UsageError(
            f"{flags} have several values, but a sheet varies only one option: give the other a single value"
        )
    turned = several[0] if several else "strength"
    fixed = {name: values[0] for name, values in given.items() if values}
    values = given.get(turned) or _STRENGTHS
    texts = (f"{value:g}" if isinstance(value, float) else value for value in values)
    return tuple(
        Column(f"{_WORDS[turned]} {text}", {**fixed, turned: value})
        for text, value in zip(texts, values, strict=True)
    )


def _check(strengths: Sequence[float], strokes: Sequence[float], keep_color: Sequence[str]) -> None:
    """Before any work: the engines would refuse the last one when the others are drawn."""
    for number in strengths:
        check_range("strengths", number, 0, 1)
    for number in strokes:
        check_range("strokes", number, 0.25, 4)
    for how in keep_color:
        check_choice("keep_color", how, KeepColor)


@explained()
def sheet(
    photo: Annotated[
        list[Path],
        typer.Argument(metavar="PHOTO", help="Photos to show the styles on; put them before the options."),
    ],
    style: Annotated[
        list[str],
        typer.Option(
            "--styles",
            metavar="STYLE...",
            autocompletion=style_names,
            help="Rows: style names, card files or pictures; for paint, pictures only.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="Output file: .png, .jpg or .html.")
    ],
    strengths: Annotated[
        list[float] | None,
        typer.Option(metavar="NUMBER...", help="Columns: style strengths [dim](0.25 0.5 0.75 1)[/dim]"),
    ] = None,
    strokes: Annotated[
        list[float] | None,
        typer.Option(metavar="NUMBER...", help="Columns instead: stroke sizes, e.g. 0.5 1 2."),
    ] = None,
    keep_color: Annotated[
        list[str] | None,
        typer.Option(metavar="HOW...", help=f"Columns instead: {', '.join(get_args(KeepColor))}."),
    ] = None,
    engine: Annotated[
        str, typer.Option(metavar="stylize|paint", help="Method; paint takes seconds for each picture.")
    ] = "stylize",
    size: Annotated[
        int | None,
        typer.Option(metavar="PIXELS", help="Long side of a picture in pixels [dim](400; paint 256)[/dim]"),
    ] = None,
    quiet: QuietFlag = False,
) -> None:
    """Write a contact sheet: a row for each style, a column for each strength."""
    _check(strengths or (), strokes or (), keep_color or ())
    given = {"strength": strengths or (), "stroke_size": strokes or (), "keep_color": keep_color or ()}
    columns = plan_columns(given)
    check_choice("engine", engine, Engine)
    side = SIDES[engine] if size is None else size
    check_whole("size", side, 64, 2048)
    from impasto.cli import contact  # brings torch, which --help need not wait for

    contact.check(out)
    paints = engine == "paint"
    drawers = [_painter(name, side) if paints else _stylizer(name) for name in style]
    photos = [(path.stem, contact.open_photo(path, side)) for path in photo]
    with progress(quiet) as show:
        total = len(photos) * len(drawers) * len(columns)
        watch = SheetProgress(show, "painting" if paints else "stylizing", total)
        rows = list(_rows(photos, drawers, columns, watch))
    contact.write(out, contact.Sheet(rows, "Styles", "" if paints else _stroke_note(side)))
    if not quiet:
        shown = f"{counted(len(drawers), 'style')} in {counted(len(columns), 'column')}"
        say(f"{out}: {shown}, {counted(len(photos), 'photo')}")


def _rows(
    photos: Sequence[tuple[str, Image]],
    drawers: Sequence[Drawer],
    columns: Sequence[Column],
    watch: SheetProgress,
) -> Iterator[SheetRow]:
    """A row for each photo, by name, and style."""
    for (name, photo), drawer in product(photos, drawers):
        watch.title = drawer.name if len(photos) == 1 else f"{drawer.name}: {name}"
        yield _row(photo, drawer, columns, watch)


def _row(photo: Image, drawer: Drawer, columns: Sequence[Column], watch: SheetProgress) -> SheetRow:
    from impasto.cli.contact import Cell, SheetRow

    cells = [Cell(photo, "photo", "the photo")]
    for column in columns:
        watch(0.0)
        picture = drawer.draw(photo, column.options, watch)
        cells.append(Cell(picture, column.label, f"{watch.title}, {column.label}"))
        watch.pictures += 1
    return SheetRow(watch.title, cells, drawer.credit, drawer.origin)


def _stylizer(style: str) -> Drawer:
    """Raises UsageError, WeightsError, ImageError: no such style."""
    from impasto.stylizing.stylizer import Stylizer

    def draw(photo: Image, options: Mapping[str, Any], tell: Callable[[float], None]) -> Image:
        return Stylizer(style, runtime="torch", **options)(photo)

    card = styles.load(style)
    return Drawer(card.style or style, draw, credit_of(card) or _credit(style), card.origin)


def _painter(style: str, side: int) -> Drawer:
    """Raises UsageError, ImageError: no such picture."""
    from impasto.imaging import io
    from impasto.painting.paint import Painter

    path, _ = parse_style(style)
    io.read(path)

    def draw(photo: Image, options: Mapping[str, Any], tell: Callable[[float], None]) -> Image:
        painter = Painter(photo, path, PaintOptions(size=side, **options))
        for step in painter.steps():
            tell(step.done)
        return io.to_pil(*painter.finish(step))

    return Drawer(path.stem, draw, _credit(style))


def _credit(style: str) -> str:
    """Of a picture: only those that ship are known."""
    return "our own, CC0" if styles.find(style) else ""


def _stroke_note(side: int) -> str:
    """Networks make strokes of so many pixels, whatever the size of the photo."""
    return f"Made at {side} pixels: on larger pictures strokes are finer, unless the stroke size grows, too."

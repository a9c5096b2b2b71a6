"""`impasto styles`: the trained styles there are, as a table, as JSON, or as a contact sheet."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.table import Table
from rich.text import Text

from impasto import styles
from impasto.cli.display import counted, plain, progress, say
from impasto.cli.error_handling import explained
from impasto.cli.flags import style_names
from impasto.errors import UsageError

if TYPE_CHECKING:
    from PIL.Image import Image

    from impasto.cli.contact import SheetRow
    from impasto.networks.card import Card

SAMPLE_CREDIT = "Photo: the Summer Palace by danielbuechele, CC BY 2.0, flickr.com/photos/danielbuechele"

_THUMBNAIL = 24  # characters wide; each shows two pixels, one above the other
_SIDE, _HEIGHT = 480, 240  # pixels of a photo on the sheet: as it is made, and as it is shown


@dataclass(frozen=True)
class Listed:
    """A card's file with what it tells; `summary` has no weights."""

    name: str
    path: Path
    summary: Card


@explained()
def list_styles(
    cards: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[STYLE...]",
            autocompletion=style_names,
            help="Styles to list: names or card files [dim](all that ship)[/dim]",
        ),
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a contact sheet: .html, .png or .jpg.")
    ] = None,
    photo: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Photo to show the styles on; repeatable."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", metavar=" ", help="Print all fields of the cards as JSON.")
    ] = False,
) -> None:
    """List the trained styles and the artworks that they were trained on."""
    from impasto.cli import contact  # brings torch, which --help need not wait for

    if sheet:
        contact.check(sheet)
    listed, photos = find(cards or ()), photo or ()
    if as_json:
        print(json.dumps([_as_json(card) for card in listed], indent=2, ensure_ascii=False))
    elif not listed:
        say("no trained styles ship with this version; train one with impasto train")
    elif not sheet:
        _print_table(listed, photos)
    if sheet:
        _write_sheet(sheet, listed, photos)


def find(names: Sequence[str]) -> list[Listed]:
    """The cards of those names or files, or all that ship. Raises UsageError or WeightsError."""
    from impasto.networks.card import load_summary

    shipped = styles.cards()
    if not names:
        return [Listed(name, path, load_summary(path)) for name, path in shipped.items()]
    found = []
    for name in names:
        summary = styles.load(name)
        found.append(Listed(summary.style or name, shipped.get(name, Path(name)), summary))
    return found


def _as_json(listed: Listed) -> dict[str, Any]:
    names = [field.name for field in fields(listed.summary) if field.name != "tensors"]
    told = {name: getattr(listed.summary, name) for name in names}
    return {"name": listed.name, "file": str(listed.path), **told}


def _print_table(listed: Sequence[Listed], photos: Sequence[Path]) -> None:
    console = Console(highlight=False)
    draws = console.is_terminal and console.color_system == "truecolor"
    table = Table(box=None, pad_edge=False, padding=(0, 2, int(draws), 0))
    if draws:
        table.add_column(no_wrap=True)
    for title in ("name", "work", "artist", "year", "licence"):
        table.add_column(title, no_wrap=title == "name")  # which is typed, and must be there whole
    for card in listed:
        summary = card.summary
        told = (summary.title, summary.artist, summary.year, summary.licence)
        cells = [Text(plain(card.name), style="bold"), *(Text(plain(text)) for text in told)]
        table.add_row(*[_thumbnail(card, photos), *cells] if draws else cells)
    console.print(table)


def _thumbnail(listed: Listed, photos: Sequence[Path]) -> Text:
    from impasto.cli import contact
    from impasto.stylizing.stylizer import Stylizer

    photo = contact.open_photo(photos[0] if photos else styles.sample(), 8 * _THUMBNAIL)
    picture = Stylizer(styles.load(listed.path), runtime="torch")(photo)
    return half_blocks(picture, _THUMBNAIL)


def half_blocks(picture: Image, width: int) -> Text:
    """A picture in characters, two pixels each: the upper one is the color of ▀, the lower its ground."""
    from PIL.Image import Resampling

    height = max(1, round(picture.height * width / picture.width / 2))
    small = picture.convert("RGB").resize((width, 2 * height), Resampling.LANCZOS)
    text = Text(no_wrap=True)
    for row in range(height):
        for column in range(width):
            upper, lower = (_color(small, column, 2 * row + below) for below in (0, 1))
            text.append("▀", Style(color=upper, bgcolor=lower))
        text.append("\n" if row < height - 1 else "")
    return text


def _color(picture: Image, x: int, y: int) -> Color:
    red, green, blue = picture.getpixel((x, y))  # type: ignore[misc]
    return Color.from_rgb(red, green, blue)


def credit_of(card: Card) -> str:
    """The work that a style was taken from, as far as its card tells."""
    return ", ".join(text for text in (card.title, card.artist, card.year, card.licence) if text)


def _write_sheet(path: Path, listed: Sequence[Listed], photos: Sequence[Path]) -> None:
    if not listed:
        raise UsageError("there are no styles to show: name a card file")
    from impasto.cli import contact

    originals = [contact.open_photo(photo, _SIDE) for photo in photos or (styles.sample(),)]
    names = [photo.stem for photo in photos] or ["the Summer Palace"]
    rows = [
        contact.SheetRow(
            "photos", [contact.Cell(photo, alt=name) for photo, name in zip(originals, names, strict=True)]
        )
    ]
    with progress(quiet=False) as show:
        for done, card in enumerate(listed):
            show(done / len(listed), "stylizing", card.name)
            rows.append(_row(card, originals, names))
    contact.write(path, contact.Sheet(rows, "Styles", "" if photos else SAMPLE_CREDIT, _HEIGHT))
    say(f"{path}: {counted(len(listed), 'style')} on {counted(len(originals), 'photo')}")


def _row(card: Listed, photos: Sequence[Image], names: Sequence[str]) -> SheetRow:
    from impasto.cli import contact
    from impasto.stylizing.stylizer import Stylizer

    stylizer = Stylizer(styles.load(card.path), runtime="torch")
    cells = [
        contact.Cell(stylizer(photo), alt=f"{name} in the style of {card.name}")
        for photo, name in zip(photos, names, strict=True)
    ]
    return contact.SheetRow(card.name, cells, credit_of(card.summary), card.summary.origin)

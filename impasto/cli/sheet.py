"""`impasto sheet`: photos in several styles, one handle turned: how a person chooses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import typer

from impasto.cli.completion import style_names
from impasto.cli.error_handling import explained
from impasto.errors import UsageError
from impasto.options import KeepColour, check_choice, check_range, check_whole

Engine = Literal["stylize", "paint"]
SIDES: Mapping[str, int] = {"stylize": 400, "paint": 256}  # pixels, of a picture
_STRENGTHS = (0.25, 0.5, 0.75, 1.0)
_FLAGS = {"strength": "--strengths", "stroke_size": "--strokes", "keep_colour": "--keep-colour"}
_WORDS = {"strength": "strength", "stroke_size": "strokes", "keep_colour": "color:"}


@dataclass(frozen=True)
class Column:
    """A column: its label, and engine options by name."""

    label: str
    options: Mapping[str, Any]


@dataclass(frozen=True)
class SheetJob:
    """One call of the command."""

    photos: tuple[Path, ...]
    styles: tuple[str, ...]
    out: Path
    columns: tuple[Column, ...]
    engine: Engine = "stylize"
    size: int | None = None
    quiet: bool = False

    def __post_init__(self) -> None:
        check_choice("engine", self.engine, Engine)
        check_whole("size", self.side, 64, 2048)

    @property
    def side(self) -> int:
        """Pixels on the long side of a picture."""
        return SIDES[self.engine] if self.size is None else self.size


def plan_columns(given: Mapping[str, Sequence[Any]]) -> tuple[Column, ...]:
    """A column for each value of the option that has several; of `strength`, if none has.

    Raises UsageError where two have: a sheet has two directions, and one is the styles'.
    """
    several = [name for name, values in given.items() if len(values) > 1]
    if len(several) > 1:
        flags = " and ".join(_FLAGS[name] for name in several)
        raise UsageError(
            f"{flags} have several values: a sheet turns one handle, so give one of them a single value"
        )
    turned = several[0] if several else "strength"
    fixed = {name: values[0] for name, values in given.items() if values}
    values = given.get(turned) or _STRENGTHS
    return tuple(Column(_label(turned, value), {**fixed, turned: value}) for value in values)


def _label(option: str, value: Any) -> str:
    return f"{_WORDS[option]} {value:g}" if isinstance(value, float) else f"{_WORDS[option]} {value}"


def _check(strengths: Sequence[float], strokes: Sequence[float], keep_colour: Sequence[str]) -> None:
    """Before any work: the engines would refuse the last one when the others are drawn."""
    for number in strengths:
        check_range("strengths", number, 0, 1)
    for number in strokes:
        check_range("strokes", number, 0.25, 4)
    for how in keep_colour:
        check_choice("keep_colour", how, KeepColour)


@explained()
def sheet(
    photo: Annotated[
        list[Path], typer.Argument(metavar="PHOTO", help="What to show the styles on, before the options.")
    ],
    style: Annotated[
        list[str],
        typer.Option(
            "--styles",
            metavar="STYLE...",
            autocompletion=style_names,
            help="The rows: names, cards' files or pictures; for paint, pictures.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="Where to write: .png, .jpg or .html.")
    ],
    strengths: Annotated[
        list[float] | None,
        typer.Option(metavar="NUMBER...", help="The columns [dim](0.25 0.5 0.75 1)[/dim]"),
    ] = None,
    strokes: Annotated[
        list[float] | None,
        typer.Option(metavar="NUMBER...", help="Or these: stroke sizes, such as 0.5 1 2."),
    ] = None,
    keep_colour: Annotated[
        list[str] | None,
        typer.Option(metavar="HOW...", help=f"Or these: {', '.join(get_args(KeepColour))}."),
    ] = None,
    engine: Annotated[
        str, typer.Option(metavar="stylize|paint", help="paint takes seconds for each picture.")
    ] = SheetJob.engine,
    size: Annotated[
        int | None,
        typer.Option(metavar="PIXELS", help="Long side of a picture [dim](400; paint 256)[/dim]"),
    ] = SheetJob.size,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", metavar=" ", help="Print nothing but errors.")
    ] = SheetJob.quiet,
) -> None:
    """Write a contact sheet: a row for each style, a column for each strength."""
    _check(strengths or (), strokes or (), keep_colour or ())
    given = {"strength": strengths or (), "stroke_size": strokes or (), "keep_colour": keep_colour or ()}
    job = SheetJob(
        photos=tuple(photo),
        styles=tuple(style),
        out=out,
        columns=plan_columns(given),
        engine=engine,  # type: ignore[arg-type]  # checked there
        size=size,
        quiet=quiet,
    )
    from impasto.cli.sheet_run import run  # brings torch, which --help need not wait for

    run(job)

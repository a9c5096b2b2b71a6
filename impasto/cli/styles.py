"""`impasto styles`: which trained styles there are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from impasto.cli.completion import style_names
from impasto.cli.error_handling import explained


@dataclass(frozen=True)
class StylesJob:
    """One call of the command. No `cards` means all that ship, no `photos` the shipped sample."""

    cards: tuple[str, ...] = ()
    sheet: Path | None = None
    photos: tuple[Path, ...] = ()
    as_json: bool = False


@explained()
def styles(
    cards: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[STYLE...]",
            autocompletion=style_names,
            help="Only these: names, or files of cards of your own.",
        ),
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a contact sheet: .html, .png or .jpg.")
    ] = None,
    photo: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A photo to show the styles on; repeat it for more."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", metavar=" ", help="Print all that the cards tell, for scripts.")
    ] = False,
) -> None:
    """List the trained styles, with the works they were taken from."""
    job = StylesJob(tuple(cards or ()), sheet, tuple(photo or ()), as_json)
    from impasto.cli.styles_run import run  # brings torch, which --help need not wait for

    run(job)

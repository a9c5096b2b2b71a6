"""`impasto encode`: a style card of any picture."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from impasto.cli.card_file import check_card_file
from impasto.cli.display import say
from impasto.cli.failures import explained


@explained()
def encode(
    picture: Annotated[Path, typer.Argument(metavar="PICTURE", help="Whose style it is to be.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The card: .safetensors.")],
    network: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Of impasto adapt [dim](the one that ships)[/dim]"),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", metavar=" ", help="Replace a file that is there.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", metavar=" ", help="Print nothing but errors.")
    ] = False,
) -> None:
    """Save the style of any picture as a card, which paints without the picture."""
    check_card_file(out, replaces=overwrite)
    from impasto.encoding import encode as to_card
    from impasto.networks.card import save_card  # these bring torch, which --help need not wait for

    card = to_card(picture, network=network)
    save_card(card, out)
    if not quiet:
        say(f"use it: impasto stylize photo.jpg -o out.jpg --style {shlex.quote(str(out))}")

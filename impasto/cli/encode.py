"""`impasto encode`: a style card of any picture."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from impasto.cli.display import say, warn
from impasto.cli.error_handling import explained
from impasto.cli.flags import QuietFlag
from impasto.cli.outputs import check_card_file


@explained()
def encode(
    picture: Annotated[Path, typer.Argument(metavar="PICTURE", help="Style picture.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="Card file to write: .safetensors.")
    ],
    network: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Network from impasto adapt [dim](shipped network)[/dim]"),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", metavar=" ", help="Replace a file that exists.")
    ] = False,
    quiet: QuietFlag = False,
) -> None:
    """Save the style of a picture as a card, which works without the picture."""
    check_card_file(out, replaces=overwrite)
    from impasto.encoding import card_of  # these bring torch, which --help need not wait for
    from impasto.imaging.style import read_style
    from impasto.networks.card import save_card

    image, info = read_style(picture)
    save_card(card_of(image, info.alpha, name=picture.stem, network=network), out)
    if not quiet:
        for note in info.notes:
            warn(note)
        say(f"use it: impasto stylize photo.jpg -o out.jpg --style {shlex.quote(str(out))}")

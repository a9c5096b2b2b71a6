"""`impasto import`: a checkpoint that others published, as a style card."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from impasto.cli.display import say, warn
from impasto.cli.error_handling import explained
from impasto.cli.flags import QuietFlag
from impasto.cli.outputs import check_card_file


@explained()
def import_(
    checkpoint: Annotated[
        Path,
        typer.Argument(metavar="CHECKPOINT", help="Checkpoint of Johnson's network: .pth, .pt or .model."),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="Card file to write: .safetensors.")
    ],
    style: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the style [dim](the file's)[/dim]")
    ] = None,
    title: Annotated[
        str, typer.Option(metavar="TEXT", help="Title of the artwork, stored in the card.")
    ] = "",
    artist: Annotated[
        str, typer.Option(metavar="TEXT", help="Artist of the artwork, stored in the card.")
    ] = "",
    year: Annotated[str, typer.Option(metavar="TEXT", help="Year of the artwork, stored in the card.")] = "",
    license: Annotated[
        str, typer.Option(metavar="TEXT", help="License of the weights, stored in the card.")
    ] = "",
    origin: Annotated[
        str, typer.Option(metavar="URL", help="Source of the weights, stored in the card.")
    ] = "",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", metavar=" ", help="Replace a file that exists.")
    ] = False,
    quiet: QuietFlag = False,
) -> None:
    """Convert a published checkpoint of Johnson's network to a style card."""
    check_card_file(out, replaces=overwrite)
    from dataclasses import replace

    from impasto.networks.card import save_card
    from impasto.networks.published import read_published  # these bring torch, which --help need not wait for

    card, family = read_published(checkpoint)
    about: dict[str, Any] = {
        "title": title,
        "artist": artist,
        "year": year,
        "licence": license,
        "origin": origin,
    }
    save_card(replace(card, style=style or card.style, **about), out)
    if quiet:
        return
    numbers = sum(tensor.numel() for tensor in card.tensors.values())
    say(f"{checkpoint}: {card.network}, {numbers / 1e6:.2f} M numbers, as in {family.origin}")
    if not license:
        warn("the license of the weights is unknown: name it with --license before you share the card")
    say(f"use it: impasto stylize photo.jpg -o out.jpg --style {shlex.quote(str(out))}")

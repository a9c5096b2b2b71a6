"""`impasto import`: a checkpoint that others published, as a style card."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from impasto.cli.card_file import check_card_file
from impasto.cli.display import say, warn
from impasto.cli.error_handling import explained


@explained()
def import_(
    checkpoint: Annotated[
        Path, typer.Argument(metavar="CHECKPOINT", help="Of Johnson's network: .pth, .pt or .model.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The card: .safetensors.")],
    style: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of the style [dim](the file's)[/dim]")
    ] = None,
    title: Annotated[str, typer.Option(metavar="TEXT", help="Of the work it was trained on.")] = "",
    artist: Annotated[str, typer.Option(metavar="TEXT", help="Who made that work.")] = "",
    year: Annotated[str, typer.Option(metavar="TEXT", help="When.")] = "",
    licence: Annotated[str, typer.Option(metavar="TEXT", help="Under which these weights are given.")] = "",
    origin: Annotated[str, typer.Option(metavar="URL", help="Where they are published.")] = "",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", metavar=" ", help="Replace a file that is there.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", metavar=" ", help="Print nothing but errors.")
    ] = False,
) -> None:
    """Make a style card of a checkpoint that others published for Johnson's network."""
    check_card_file(out, replaces=overwrite)
    from dataclasses import replace

    from impasto.networks.card import save_card
    from impasto.networks.published import read_published  # these bring torch, which --help need not wait for

    card, family = read_published(checkpoint)
    about: dict[str, Any] = {
        "title": title,
        "artist": artist,
        "year": year,
        "licence": licence,
        "origin": origin,
    }
    save_card(replace(card, style=style or card.style, **about), out)
    if quiet:
        return
    numbers = sum(tensor.numel() for tensor in card.tensors.values())
    say(f"{checkpoint}: {card.network}, {numbers / 1e6:.2f} M numbers, as in {family.origin}")
    if not licence:
        warn("nothing is known of its licence: name it with --licence before you pass the card on")
    say(f"use it: impasto stylize photo.jpg -o out.jpg --style {shlex.quote(str(out))}")

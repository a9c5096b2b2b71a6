"""`impasto adapt`: what can be asked for, and how it is written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from impasto.cli.error_handling import explained
from impasto.cli.flags import EXPERT, Flag, HelpAll, with_flags
from impasto.cli.train import (
    LOOP_FLAGS,
    OutFlag,
    OverwriteFlag,
    PhotosFlag,
    QuietFlag,
    ResumeFlag,
    TensorboardFlag,
    TrainingArguments,
)
from impasto.training.options import AdaptOptions

FLAGS = {name: flag for name, flag in LOOP_FLAGS.items() if name not in ("network", "skips")} | {
    "window": Flag("Side of the part of a style picture that is seen at a time", "PIXELS", panel=EXPERT),
    "style_weight": Flag("More style, less of the photo", panel=EXPERT),
    "content_weight": Flag("Factor of content", panel=EXPERT),
    "tv_weight": Flag("Factor of total variation: smoothness", panel=EXPERT),
    "lattice_weight": Flag("Factor of what repeats every 8 pixels", panel=EXPERT),
    "light_weight": Flag("Factor of the photo's large-scale light", panel=EXPERT),
    "pooled": Flag("Share of the style error that is of photos with one style together", panel=EXPERT),
}


@dataclass(frozen=True, kw_only=True)
class AdaptJob(TrainingArguments):
    """One call of the command. `start` is a file, "cards", or None for the embedded network."""

    styles: tuple[Path, ...]
    start: str | None = None


@explained()
@with_flags(AdaptOptions, FLAGS)
def adapt(
    *,
    photos: PhotosFlag = None,
    styles: Annotated[
        list[Path],
        typer.Option(metavar="DIR", help="Folder, tar or picture of styles, hundreds of them; repeat it."),
    ],
    out: OutFlag,
    given: dict[str, Any],
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="FILE", help="An adaptive network, or cards [dim](the shipped)[/dim]"),
    ] = None,
    resume: ResumeFlag = False,
    quiet: QuietFlag = False,
    help_all: HelpAll = False,
    overwrite: OverwriteFlag = False,
    tensorboard: TensorboardFlag = False,
) -> None:
    """Train the network that gives any picture's style at once."""
    job = AdaptJob(
        photos=tuple(photos or ()),
        styles=tuple(styles),
        out=out,
        given=given,
        start=start,
        resume=resume,
        overwrite=overwrite,
        tensorboard=tensorboard,
        quiet=quiet,
    )
    from impasto.cli.adapt_run import run  # brings torch, which --help need not wait for

    run(job)

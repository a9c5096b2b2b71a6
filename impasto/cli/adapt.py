"""`impasto adapt`: training of the adaptive network, which writes the network of any picture's style."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from impasto import styles as shipped
from impasto.cli.display import as_time, say
from impasto.cli.error_handling import explained
from impasto.cli.flags import EXPERT, Flag, HelpAll, QuietFlag, with_flags
from impasto.cli.training_session import (
    LOOP_FLAGS,
    OutFlag,
    OverwriteFlag,
    PhotosFlag,
    ResumeFlag,
    TensorboardFlag,
    TrainingArguments,
    check_length,
    check_out,
    find_training_photos,
    make_plan,
    working,
)
from impasto.training.options import AdaptOptions

if TYPE_CHECKING:
    from impasto.networks.adaptive import Adaptive

FLAGS = {name: flag for name, flag in LOOP_FLAGS.items() if name not in ("network", "skips")} | {
    "window": Flag("Side of the crops of style pictures, in pixels", "PIXELS", panel=EXPERT),
    "style_weight": Flag("Weight of the style error", panel=EXPERT),
    "content_weight": Flag("Weight of the content error", panel=EXPERT),
    "tv_weight": Flag("Weight of total variation; larger is smoother", panel=EXPERT),
    "lattice_weight": Flag("Weight against patterns that repeat every 8 pixels", panel=EXPERT),
    "light_weight": Flag("Weight of the error of large-scale light", panel=EXPERT),
    "pooled": Flag("Share of the style error measured over all photos of one style", panel=EXPERT),
}


@explained()
@with_flags(AdaptOptions, FLAGS)
def adapt(
    *,
    photos: PhotosFlag = None,
    styles: Annotated[
        list[Path],
        typer.Option(metavar="DIR", help="Folder, tar or picture of styles; repeatable; give hundreds."),
    ],
    out: OutFlag,
    given: dict[str, Any],
    start: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="FILE", help="Start network: a file, or cards [dim](shipped network)[/dim]"
        ),
    ] = None,
    resume: ResumeFlag = False,
    quiet: QuietFlag = False,
    help_all: HelpAll = False,
    overwrite: OverwriteFlag = False,
    tensorboard: TensorboardFlag = False,
) -> None:
    """Train the adaptive network, which makes a style card from any picture."""
    arguments = TrainingArguments(
        photos=photos or (),
        out=out,
        resume=resume,
        overwrite=overwrite,
        tensorboard=tensorboard,
        quiet=quiet,
    )
    check_length(given)
    options = AdaptOptions(**given)
    check_out(arguments)
    from impasto.training.adapt import adapt as train_adaptive  # these bring torch
    from impasto.training.checkpoints import workspace
    from impasto.training.photos import find_photos

    pictures, learned_from = find_photos(styles), find_training_photos(arguments, options)
    network = _find_start(start)
    with working(arguments, options) as watch:
        watch.begin("learning")
        started = time.monotonic()
        train_adaptive(pictures, network, options, make_plan(arguments, learned_from, watch))
    if not quiet:
        say(f"{out}: this run took {as_time(time.monotonic() - started)}")
        say(f"sample pictures are in {workspace(out) / 'samples'}")
        say(f"use it: impasto encode style.jpg --network {shlex.quote(str(out))} -o card.safetensors")


def _find_start(start: str | None) -> Adaptive:
    """The network in a file, the embedded one, or one made of the shipped cards."""
    from impasto.networks.adaptive import Adaptive
    from impasto.networks.adaptive_file import load_adaptive

    if start != "cards":
        return load_adaptive(Path(start)) if start else load_adaptive()
    network = Adaptive()
    cards = [shipped.load(name) for name in shipped.cards()]
    network.start_from([card.tensors for card in cards])
    network.base = cards[0].base
    return network

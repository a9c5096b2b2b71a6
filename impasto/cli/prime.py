"""`impasto prime`: identity pretraining, a start from which networks learn any style sooner."""

from __future__ import annotations

import shlex
import time
from typing import Any

from impasto.cli.display import say
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
    report_card,
    working,
)
from impasto.training.options import PrimeOptions

FLAGS = LOOP_FLAGS | {
    "network": Flag("Architecture: light, transformer_net, ...", "NAME"),
    "loss": Flag("Error of pixel colors, or of features at relu1_1"),
    "backbone": Flag(
        "Feature network of the content loss: compact, vgg19, vgg16 or a file", "NAME", panel=EXPERT
    ),
}


@explained()
@with_flags(PrimeOptions, FLAGS)
def prime(
    *,
    photos: PhotosFlag = None,
    out: OutFlag,
    given: dict[str, Any],
    resume: ResumeFlag = False,
    quiet: QuietFlag = False,
    help_all: HelpAll = False,
    overwrite: OverwriteFlag = False,
    tensorboard: TensorboardFlag = False,
) -> None:
    """Pretrain a network to reproduce its input, so that it learns styles faster."""
    arguments = TrainingArguments(
        photos=photos or (),
        out=out,
        resume=resume,
        overwrite=overwrite,
        tensorboard=tensorboard,
        quiet=quiet,
    )
    check_length(given)
    options = PrimeOptions(**given)
    check_out(arguments)
    pictures = find_training_photos(arguments, options)
    from impasto.training.train import prime as prime_network  # brings torch, which --help need not wait for

    with working(arguments, options) as watch:
        watch.begin("priming")
        started = time.monotonic()
        card = prime_network(options, make_plan(arguments, pictures, watch))
    report_card(arguments, card, time.monotonic() - started)
    if not quiet:
        start = shlex.quote(str(out))
        say(f"use it: impasto train style.jpg --from {start} --network {options.network} -o card.safetensors")

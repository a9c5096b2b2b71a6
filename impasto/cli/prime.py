"""`impasto prime`: what can be asked for, and how it is written."""

from __future__ import annotations

from typing import Any

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
from impasto.training.options import PrimeOptions

FLAGS = LOOP_FLAGS | {
    "network": Flag("light, transformer_net, ...", "NAME"),
    "loss": Flag("Of colors, or of features at relu1_1"),
    "backbone": Flag("Of the content loss: compact, vgg19, vgg16 or a file", "NAME", panel=EXPERT),
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
    """Teach a network to give back what it sees: it learns any style sooner then."""
    job = TrainingArguments(
        photos=tuple(photos or ()),
        out=out,
        given=given,
        resume=resume,
        overwrite=overwrite,
        tensorboard=tensorboard,
        quiet=quiet,
    )
    from impasto.cli.train_run import run_prime  # brings torch, which --help need not wait for

    run_prime(job)

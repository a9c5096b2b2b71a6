"""`impasto distill`: train the compact backbone. Its defaults come with torch, so it is imported late."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import Annotated, Any

import torch
import typer

from impasto import backbones
from impasto.backbones.distill import DistillOptions, DistillStep, Teachers, distill, pictures_in
from impasto.cli.display import Show, progress, say
from impasto.cli.error_handling import INTERRUPTED, explained, stopping
from impasto.cli.flags import Flag, QuietFlag, with_flags
from impasto.errors import UsageError
from impasto.imaging.files import check_target

app = typer.Typer(rich_markup_mode="rich", add_completion=False, pretty_exceptions_enable=False)

FLAGS = {
    "steps": Flag("Number of gradient steps"),
    "batch": Flag("Pictures per step"),
    "exact": Flag("Pictures per step that the first of several teachers sees"),
    "size": Flag("Side of the training crops, in pixels", "PIXELS"),
    "learning_rate": Flag("Peak learning rate"),
    "seed": Flag("Random seed; same seed, same backbone"),
    "start": Flag("Compact backbone to start from", "FILE", "none"),
    "checkpoint_minutes": Flag("Minutes between checkpoints"),
}


@app.command()
@explained()
@with_flags(DistillOptions, FLAGS)
def command(
    *,
    photos: Annotated[
        list[Path],
        typer.Option(
            metavar="DIR",
            help="Folder of training pictures; repeatable, all folders are used equally often.",
        ),
    ],
    teacher: Annotated[
        list[str],
        typer.Option(
            metavar="FILE", help="Teacher weights; repeatable, each layer is taught by the first that has it."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Output file: .safetensors.")],
    given: dict[str, Any],
    quiet: QuietFlag = False,
) -> None:
    """Train the compact backbone to imitate the features of VGG-19.

    A checkpoint is kept beside FILE; the same command continues an interrupted training.
    """
    if check_target(out).suffix != ".safetensors":
        raise UsageError(f"{out} must end in .safetensors")
    folders = [_pictures_in(folder) for folder in photos]
    teachers = Teachers([_load(name) for name in teacher])
    with stopping() as stop, progress(quiet) as show:
        show(0.0, "measuring the teachers", "")
        try:
            shares = distill(
                folders, teachers, out, DistillOptions(**given), _DistillProgress(show, stop, quiet)
            )
        except KeyboardInterrupt:
            say(f"stopped; continue with the same command; the checkpoint is kept beside {out}")
            raise typer.Exit(INTERRUPTED) from None
    if not quiet:
        say(f"{out}: unexplained share of the teachers' variance {_as_list(shares)}")


class _DistillProgress:
    """Draws each step, and ends the work between two of them when that was asked for."""

    def __init__(self, show: Show, stop: Event, quiet: bool) -> None:
        self._show, self._stop = show, stop
        self._is_first = not quiet

    def __call__(self, step: DistillStep) -> None:
        if self._is_first and step.step > 1:
            say(f"continuing from the checkpoint, after step {step.step - 1}")
        self._is_first = False
        state = (
            f"{step.step}/{step.steps}, {_as_list(step.unexplained)}, {step.images_per_second:.1f} pictures/s"
        )
        self._show(step.step / step.steps, "learning", state)
        if self._stop.is_set():
            raise KeyboardInterrupt


def _pictures_in(folder: Path) -> list[Path]:
    found = pictures_in(folder)
    if not found:
        raise UsageError(f"there are no pictures in {folder}")
    return found


def _load(name: str) -> backbones.Backbone:
    network = backbones.load(name)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _as_list(shares: dict[str, float]) -> str:
    return ", ".join(f"{layer} {share:.3f}" for layer, share in shares.items())

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
from impasto.cli.error_handling import INTERRUPTED, explained
from impasto.cli.flags import Flag, with_flags
from impasto.cli.signals import stopping
from impasto.errors import UsageError
from impasto.imaging.files import check_target

app = typer.Typer(rich_markup_mode="rich", add_completion=False, pretty_exceptions_enable=False)

FLAGS = {
    "steps": Flag("Gradient steps in all"),
    "batch": Flag("Pictures per step"),
    "exact": Flag("Of these, seen by the first teacher, if there are several"),
    "size": Flag("Side of the crops in pixels", "PIXELS"),
    "learning_rate": Flag("At its peak"),
    "seed": Flag("Same seed, same backbone"),
    "start": Flag("A compact backbone to teach further", "FILE", "none"),
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
            help="Folder of pictures to learn from; if repeated, each is drawn from equally often.",
        ),
    ],
    teacher: Annotated[
        list[str],
        typer.Option(
            metavar="FILE", help="Weights to learn from; the first of several that has a layer teaches it."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Where to write: .safetensors.")],
    given: dict[str, Any],
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", metavar=" ", help="Print nothing but errors.")
    ] = False,
) -> None:
    """Teach the compact backbone to see as VGG-19 does.

    A checkpoint beside FILE is kept while it learns; the same command goes on where it was interrupted.
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
            say(f"stopped; run the same command to go on, as the checkpoint beside {out} is kept")
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
            say(f"going on from the checkpoint, after step {step.step - 1}")
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

"""What the commands that train share: flags, photos, the process group, progress, and Ctrl-C.

Imports no torch before it is called.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any

import typer

from impasto.cli.display import Show, as_time, progress, say, show_download, warn
from impasto.cli.error_handling import INTERRUPTED, stopping
from impasto.cli.flags import EXPERT, OUTPUT, Flag, panel
from impasto.cli.outputs import check_card_file
from impasto.device import resolve_device
from impasto.errors import UsageError
from impasto.training.options import LoopOptions

if TYPE_CHECKING:
    from impasto.networks.card import Card
    from impasto.training.checkpoints import TrainingPlan, TrainStep
    from impasto.training.photos import Photos

_MOST_NAMES = 10


@dataclass(frozen=True, kw_only=True)
class TrainingArguments:
    """What every training is told beside its options. Without `photos`, made-up pictures take their place."""

    photos: Sequence[Path]
    out: Path
    resume: bool = False
    overwrite: bool = False
    tensorboard: bool = False
    quiet: bool = False


def parse_skips(text: str) -> tuple[int, ...]:
    """Levels of a U-Net from "2,3,4"; "none" is none."""
    try:
        return () if text == "none" else tuple(int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--skips must be a list of levels such as 2,3,4, or none, not {text}") from None


LOOP_FLAGS = {
    "minutes": Flag("Training time in minutes"),
    "steps": Flag("Number of gradient steps", unset="by minutes"),
    "size": Flag("Side of training crops, in pixels", "PIXELS"),
    "network": Flag("Architecture: light, transformer_net, encoder_decoder or unet", "NAME", panel=EXPERT),
    "skips": Flag(
        "Levels of a unet that have skip connections", "2,3,4", "all but the longest", parse_skips, EXPERT
    ),
    "batch": Flag("Photos per pass, over all processes", panel=EXPERT),
    "accumulate": Flag("Passes per step, which accumulate gradients", panel=EXPERT),
    "learning_rate": Flag("Peak learning rate", panel=EXPERT),
    "schedule": Flag("Schedule of the learning rate", panel=EXPERT),
    "weight_decay": Flag("Weight decay, as in AdamW", panel=EXPERT),
    "clip": Flag("Largest norm of the gradient, which is clipped to it", panel=EXPERT),
    "seed": Flag("Random seed of weights, order and crops", panel=EXPERT),
    "workers": Flag("Processes that read photos", unset="1, or up to 8 beside a GPU", panel=EXPERT),
    "augment": Flag("Vary crops more", unset="for fewer than 500 photos", panel=EXPERT),
    "device": Flag("Device to compute on", panel=EXPERT),
    "precision": Flag("Number format of the convolutions", panel=EXPERT),
}

PhotosFlag = Annotated[
    list[Path] | None,
    typer.Option(metavar="DIR", help="Folder, tar or photo [dim](synthetic photos)[/dim]"),
]
OutFlag = Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Output file: .safetensors.")]
ResumeFlag = Annotated[bool, typer.Option("--resume", metavar=" ", help="Continue an interrupted training.")]
OverwriteFlag = Annotated[
    bool, typer.Option("--overwrite", metavar=" ", help="Replace a file that exists.", **panel(OUTPUT))
]
TensorboardFlag = Annotated[
    bool,
    typer.Option("--tensorboard", metavar=" ", help="Also write TensorBoard event files.", **panel(OUTPUT)),
]


def check_length(given: Mapping[str, Any]) -> None:
    """Raises UsageError for two lengths."""
    if {"minutes", "steps"} <= given.keys():
        raise UsageError("--minutes and --steps cannot be combined: give one of them")


def check_out(arguments: TrainingArguments, *, exists_already: bool = False) -> None:
    """Raises UsageError and ImageError where nothing can be written."""
    from impasto.training.checkpoints import workspace
    from impasto.training.distributed import is_restarted

    goes_on = arguments.resume or is_restarted(workspace(arguments.out))
    check_card_file(arguments.out, replaces=exists_already or goes_on or arguments.overwrite)


def find_training_photos(arguments: TrainingArguments, options: LoopOptions) -> Photos:
    """Find the named photos, or synthetic ones; print notes about them."""
    from impasto.training.data import is_augmented
    from impasto.training.photos import find_photos
    from impasto.training.train import made_up

    if not arguments.photos:
        note(arguments, "without --photos, training uses synthetic pictures; photos make a better card")
        return made_up(options)
    photos = find_photos(arguments.photos)
    if options.augment is None and is_augmented(photos, options):
        note(
            arguments,
            f"{photos.description} are few: their crops vary more in size, tilt and colors, but the style "
            "will suit similar photos best; some hundreds of varied photos do better",
        )
    return photos


@contextmanager
def working(arguments: TrainingArguments, options: LoopOptions) -> Iterator[TrainingProgress]:
    """Set up the process group, the progress bar and Ctrl-C handling; report skipped photos at the end."""
    from impasto.training.checkpoints import workspace
    from impasto.training.distributed import init_distributed

    with (
        init_distributed(resolve_device(options.device)),
        stopping() as stop,
        progress(arguments.quiet, clock=False) as show,
    ):
        watch = TrainingProgress(show, stop, arguments.quiet)
        try:
            yield watch
        except KeyboardInterrupt:
            folder = workspace(arguments.out)
            if not list(folder.rglob("checkpoint.pt")):
                raise
            say(f"stopped; continue with the same command and --resume; the state is kept in {folder}")
            raise typer.Exit(INTERRUPTED) from None
        finally:
            watch.report_skipped()


def make_plan(arguments: TrainingArguments, photos: Photos, watch: TrainingProgress) -> TrainingPlan:
    """As the command line says."""
    from impasto.training.checkpoints import TrainingPlan

    return TrainingPlan(
        photos,
        arguments.out,
        resume=arguments.resume,
        overwrite=arguments.overwrite,
        tensorboard=arguments.tensorboard,
        on_step=watch,
        on_download=watch.download,
    )


def report_card(arguments: TrainingArguments, card: Card, seconds: float) -> None:
    """Print the size of the card, its loss, and where samples and losses are."""
    if arguments.quiet:
        return
    from impasto.training.checkpoints import workspace
    from impasto.training.metrics_log import can_plot

    loss, steps = card.scores["held_out_loss"], card.options["steps"]
    megabytes = arguments.out.stat().st_size / 1e6 if arguments.out.exists() else 0.0
    say(
        f"{arguments.out}: {megabytes:.1f} MB, held-out loss {loss:.4g} after {steps} steps; this run took "
        f"{as_time(seconds)}"
    )
    folder, losses = workspace(arguments.out), "losses.png" if can_plot() else "losses.csv"
    say(f"sample pictures are in {folder / 'samples'}, losses in {folder / losses}")


def note(arguments: TrainingArguments, message: str) -> None:
    """Print what the user should know, unless told to be quiet."""
    if not arguments.quiet:
        warn(message)


class TrainingProgress:
    """Draws each step, tells what goes wrong, and ends the work between two steps when that was asked for."""

    def __init__(self, show: Show, stop: Event, quiet: bool) -> None:
        self._show, self._stop, self._quiet = show, stop, quiet
        self._doing, self._begun, self._sample = "", False, ""
        self._skipped: dict[str, None] = {}

    def begin(self, doing: str) -> None:
        """Name the phase that begins now."""
        self._doing, self._begun, self._sample = doing, False, ""
        self._show(0.0, "preparing", "")

    def download(self, here: int, total: int) -> None:
        """Takes the bytes of a backbone that are here, and those in all."""
        show_download(self._show, here, total)

    def __call__(self, step: TrainStep) -> None:
        if not (self._begun or self._quiet) and step.step > 1:
            say(f"continuing from the checkpoint, after step {step.step - 1}")
        self._begun = True
        if step.complaint and not self._quiet:
            warn(
                f"step {step.step}: {step.complaint}; went back {step.went_back} steps and halved the "
                "learning rate"
            )
        self._skipped |= dict.fromkeys(step.skipped)
        self._sample = f"samples/{step.sample.name}" if step.sample else self._sample
        self._show(step.done, self._doing, self._state(step))
        if self._stop.is_set():
            raise KeyboardInterrupt

    def report_skipped(self) -> None:
        """Name the photos that could not be read, or some of them."""
        if not self._skipped or self._quiet:
            return
        names = list(self._skipped)
        count = "1 photo was" if len(names) == 1 else f"{len(names)} photos were"
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        warn(f"{count} skipped, because unreadable: {', '.join(names[:_MOST_NAMES])}{more}")

    def _state(self, step: TrainStep) -> str:
        terms = [f"{name} {value:.3g}" for name, value in step.losses.items() if name != "total"]
        speed = [f"{step.images_per_second:.1f} images/s"] if step.images_per_second else []
        left = [f"{as_time(step.seconds_left)} left"] if step.seconds_left else []
        sample = [self._sample] if self._sample else []
        return ", ".join([f"{step.step}/{step.steps}", *terms, *speed, *left, *sample])

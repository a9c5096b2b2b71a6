"""`impasto train` and `impasto prime` at work: everything behind the command lines that needs torch."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import typer

from impasto import recipes, styles
from impasto.cli.card_file import check_card_file
from impasto.cli.display import as_time, progress, say, warn
from impasto.cli.error_handling import INTERRUPTED
from impasto.cli.signals import stopping
from impasto.cli.train import TrainingArguments, TrainJob
from impasto.cli.train_options import recipe_priming, resolve, resolve_priming
from impasto.cli.watch import TrainingProgress
from impasto.device import resolve_device
from impasto.imaging.style import read_style
from impasto.networks.card import Card, load_card
from impasto.networks.primed import load_primed
from impasto.recipes import Recipe
from impasto.training.checkpoints import TrainingPlan, workspace
from impasto.training.data import Photos, find_photos
from impasto.training.distributed import init_distributed
from impasto.training.elastic import is_restarted
from impasto.training.options import LoopOptions, TrainOptions
from impasto.training.plots import can_plot
from impasto.training.samples import is_augmented
from impasto.training.start import instant_start, made_up
from impasto.training.train import find_rate, prime, train


def run_train(job: TrainJob) -> None:
    """Train, or only search a learning rate; raises what `explained` explains."""
    recipe = None if job.recipe is None else recipes.find(job.recipe, "train")
    options = resolve(job.given, recipe)
    check_out(job, exists_already=job.find_lr)
    style = _find_style(job)
    photos = find_training_photos(job, options)
    about = {**job.about, "recipe": job.recipe or ""}
    with working(job, options) as watch:
        start = _find_start(job, style, recipe, options, photos, watch)
        plan = replace(make_plan(job, photos, watch), start=start, about=about, resume=_resumes(job, recipe))
        watch.begin("searching" if job.find_lr else "learning")
        if job.find_lr:
            _search(style, options, plan, job)
            return
        started = time.monotonic()
        card = train(style, options, plan)
    _report(job, card, time.monotonic() - started)
    if not job.quiet:
        say(f"use it: impasto stylize photo.jpg -o out.jpg --style {shlex.quote(str(job.out))}")


def run_prime(job: TrainingArguments) -> None:
    """Prime; raises what `explained` explains."""
    options = resolve_priming(job.given)
    check_out(job)
    photos = find_training_photos(job, options)
    with working(job, options) as watch:
        watch.begin("priming")
        started = time.monotonic()
        card = prime(options, make_plan(job, photos, watch))
    _report(job, card, time.monotonic() - started)
    if not job.quiet:
        start = shlex.quote(str(job.out))
        say(f"use it: impasto train style.jpg --from {start} --network {options.network} -o card.safetensors")


def check_out(job: TrainingArguments, *, exists_already: bool = False) -> None:
    """Raises UsageError and ImageError where nothing can be written."""
    goes_on = job.resume or is_restarted(workspace(job.out))
    check_card_file(job.out, replaces=exists_already or goes_on or job.overwrite)


def _find_style(job: TrainJob) -> Path:
    """The picture named, or the shipped one of that name. Tells what is to be known of it."""
    path = job.style if job.style.exists() else styles.find(str(job.style))
    if path is None:
        raise styles.missing_picture(job.style)
    for note in read_style(path)[1].notes:
        _note(job, note)
    return path


def find_training_photos(job: TrainingArguments, options: LoopOptions) -> Photos:
    """Find the named photos, or synthetic ones; print notes about them."""
    if not job.photos:
        _note(job, "without --photos it learns from made-up pictures; photos would make a better card")
        return made_up(options)
    photos = find_photos(job.photos)
    if options.augment is None and is_augmented(photos, options):
        _note(
            job,
            f"{photos.description} are few: they are varied more in size, tilt and colors, but expect the "
            "best pictures of what they show; some hundreds of all kinds do better",
        )
    return photos


@contextmanager
def working(job: TrainingArguments, options: LoopOptions) -> Iterator[TrainingProgress]:
    """Set up the process group, the progress bar and Ctrl-C handling; report skipped photos at the end."""
    with (
        init_distributed(resolve_device(options.device)),
        stopping() as stop,
        progress(job.quiet, clock=False) as show,
    ):
        watch = TrainingProgress(show, stop, job.quiet)
        try:
            yield watch
        except KeyboardInterrupt:
            if not list(workspace(job.out).rglob("checkpoint.pt")):
                raise
            say(f"stopped; run the same command with --resume to go on: {workspace(job.out)} keeps the state")
            raise typer.Exit(INTERRUPTED) from None
        finally:
            watch.report_skipped()


def make_plan(job: TrainingArguments, photos: Photos, watch: TrainingProgress) -> TrainingPlan:
    """As the command line says."""
    return TrainingPlan(
        photos,
        job.out,
        resume=job.resume,
        overwrite=job.overwrite,
        tensorboard=job.tensorboard,
        on_step=watch,
        on_download=watch.download,
    )


def _find_start(
    job: TrainJob,
    style: Path,
    recipe: Recipe | None,
    options: TrainOptions,
    photos: Photos,
    watch: TrainingProgress,
) -> Card | None:
    """The card named, or what the recipe primes, or what the adaptive network gives for the style."""
    if job.start in ("random", "primed"):
        return load_primed(options.network) if job.start == "primed" else None
    if job.start:
        return styles.load(job.start)
    if recipe is None or not recipe.priming:
        return _instant(job, style) if options.network == "light" else load_primed(options.network)
    out = _primed_by_recipe(job)
    with init_distributed(resolve_device(options.device)) as group:
        if group.broadcast(float(out.exists())):  # who does not see it takes its weights over from who does
            return load_card(out) if out.exists() else None
    if job.find_lr:
        return None
    watch.begin("priming")
    card = prime(recipe_priming(recipe, options), replace(make_plan(job, photos, watch), out=out))
    # as a file would hold it, so that it is the same start whenever the training is resumed
    return replace(card, tensors={name: t.cpu().half().float() for name, t in card.tensors.items()})


def _instant(job: TrainJob, style: Path) -> Card | None:
    """The style at once, to be learned better.

    A search for a rate begins before that: so little is left to be learned from here that no rate stands out.
    """
    return load_primed("light") if job.find_lr else instant_start(style, job.out, resume=job.resume)


def _primed_by_recipe(job: TrainingArguments) -> Path:
    return workspace(job.out) / "primed.safetensors"


def _resumes(job: TrainJob, recipe: Recipe | None) -> bool:
    """Return whether a checkpoint must exist; a recipe may have been interrupted during priming."""
    if recipe and recipe.priming and not job.start:
        return job.resume and (workspace(job.out) / "checkpoint.pt").exists()
    return job.resume


def _search(style: Path, options: TrainOptions, plan: TrainingPlan, job: TrainingArguments) -> None:
    test = find_rate(style, options, plan)
    with init_distributed(resolve_device(options.device)) as group:
        written = test.save(workspace(job.out)) if group.is_main_process else []
    say(f"suggested: --learning-rate {test.suggestion():.2g}; see {' and '.join(map(str, written))}")
    if not can_plot():
        _note(job, "a plot of it needs Matplotlib: pip install 'impasto[train]'")


def _report(job: TrainingArguments, card: Card, seconds: float) -> None:
    if job.quiet:
        return
    loss, steps = card.scores["held_out_loss"], card.options["steps"]
    megabytes = job.out.stat().st_size / 1e6 if job.out.exists() else 0.0
    say(
        f"{job.out}: {megabytes:.1f} MB, held-out loss {loss:.4g} after {steps} steps; this run took "
        f"{as_time(seconds)}"
    )
    folder = workspace(job.out)
    say(f"sample pictures are in {folder / 'samples'}, losses in {folder / _losses()}")


def _losses() -> str:
    return "losses.png" if can_plot() else "losses.csv"


def _note(job: TrainingArguments, message: str) -> None:
    if not job.quiet:
        warn(message)

"""`impasto train`: a network that paints any photo in one style."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from impasto import recipes, styles
from impasto.cli.display import say
from impasto.cli.error_handling import explained
from impasto.cli.flags import EXPERT, OUTPUT, Flag, HelpAll, QuietFlag, panel, recipe_names, with_flags
from impasto.cli.training_session import (
    LOOP_FLAGS,
    OutFlag,
    OverwriteFlag,
    PhotosFlag,
    ResumeFlag,
    TensorboardFlag,
    TrainingArguments,
    TrainingProgress,
    check_length,
    check_out,
    find_training_photos,
    make_plan,
    note,
    report_card,
    working,
)
from impasto.device import resolve_device
from impasto.options import kebab
from impasto.recipes import Recipe
from impasto.training.options import PrimeOptions, TrainOptions

if TYPE_CHECKING:
    from impasto.networks.card import Card
    from impasto.training.checkpoints import TrainingPlan

FLAGS = LOOP_FLAGS | {
    "style_weight": Flag("Weight of the style error"),
    "style_size": Flag("Long side of the style picture; larger makes larger strokes", "PIXELS", panel=EXPERT),
    "content_weight": Flag("Weight of the content error", panel=EXPERT),
    "tv_weight": Flag("Weight of total variation; larger is smoother", panel=EXPERT),
    "lattice_weight": Flag("Weight against patterns that repeat every 8 pixels", panel=EXPERT),
    "light_weight": Flag("Weight of the error of large-scale light", panel=EXPERT),
    "recolor": Flag("Compare content with photos in the style's colors", panel=EXPERT),
    "pooled": Flag("Share of the style error measured over all photos of a step", panel=EXPERT),
    "style_loss": Flag("Loss that compares style features", panel=EXPERT),
    "content_layers": Flag(
        "Content layers and weights, e.g. relu3_1=0.5,relu4_1", "LAYERS", "relu3_1, relu4_1", panel=EXPERT
    ),
    "style_layers": Flag(
        "Style layers and weights, e.g. relu1_1=0.5,relu2_1", "LAYERS", "relu1_1 to relu5_1", panel=EXPERT
    ),
    "normalize": Flag("Measure errors relative to their targets", panel=EXPERT),
    "backbone": Flag("Feature network: compact, vgg19, vgg16 or a weights file", "NAME", panel=EXPERT),
    "pooling": Flag("Pooling layers of the backbone", panel=EXPERT),
}

# what priming takes over from the training that follows it
_TAKEN_OVER = [
    "network",
    "skips",
    "size",
    "batch",
    "accumulate",
    "seed",
    "workers",
    "augment",
    "device",
    "precision",
    "backbone",
]


def _about(help_: str) -> Any:
    return typer.Option(metavar="TEXT", help=help_, **panel(OUTPUT))


@explained()
@with_flags(TrainOptions, FLAGS)
def train(
    *,
    style: Annotated[Path, typer.Argument(metavar="STYLE_IMAGE", help="Picture of the style to learn.")],
    photos: PhotosFlag = None,
    out: OutFlag,
    given: dict[str, Any],
    recipe: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            autocompletion=recipe_names("train"),
            help=f"Preset: {', '.join(recipes.names('train'))}.",
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="FILE", help="Start: card, primed, random [dim](by network)[/dim]"),
    ] = None,
    find_lr: Annotated[
        bool, typer.Option("--find-lr", metavar=" ", help="Only search and suggest a learning rate.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", metavar=" ", help="Only print the options and the cost.")
    ] = False,
    resume: ResumeFlag = False,
    quiet: QuietFlag = False,
    help_all: HelpAll = False,
    overwrite: OverwriteFlag = False,
    tensorboard: TensorboardFlag = False,
    name: Annotated[str | None, _about("Name of the style in the card [dim](the file's)[/dim]")] = None,
    title: Annotated[str, _about("Title of the artwork, stored in the card.")] = "",
    artist: Annotated[str, _about("Artist of the artwork, stored in the card.")] = "",
    year: Annotated[str, _about("Year of the artwork, stored in the card.")] = "",
    license: Annotated[str, _about("License of the artwork, stored in the card.")] = "",
    origin: Annotated[str, _about("Source of the artwork, stored in the card.")] = "",
) -> None:
    """Train a network to paint any photo in one style. --photos may be repeated."""
    arguments = TrainingArguments(
        photos=photos or (),
        out=out,
        resume=resume,
        overwrite=overwrite,
        tensorboard=tensorboard,
        quiet=quiet,
    )
    about = {
        "style": name or kebab(out.stem),
        "title": title,
        "artist": artist,
        "year": year,
        "licence": license,
        "origin": origin,
        "recipe": recipe or "",
    }
    published = None if recipe is None else recipes.find(recipe, "train")
    options = resolve(given, published)
    check_out(arguments, exists_already=find_lr)
    picture = _find_style(style, arguments)
    pictures = find_training_photos(arguments, options)
    if dry_run:
        from impasto.cli.dry_run import describe_training  # brings all that paints, too

        begins = "primed by the recipe" if _primes(published, start) else start
        describe_training(picture, options, pictures, begins)
        return
    from impasto.training.train import train as train_network  # brings torch, which --help need not wait for

    with working(arguments, options) as watch:
        plan = make_plan(arguments, pictures, watch)
        card = _find_start(start, picture, published, options, plan, watch, find_lr=find_lr)
        plan = replace(plan, start=card, about=about, resume=_resumes(start, published, plan))
        watch.begin("searching a learning rate" if find_lr else "learning")
        if find_lr:
            _search(picture, options, plan, arguments)
            return
        started = time.monotonic()
        card = train_network(picture, options, plan)
    report_card(arguments, card, time.monotonic() - started)
    if not quiet:
        say(f"use it: impasto stylize photo.jpg -o out.jpg --style {shlex.quote(str(out))}")


def resolve(given: Mapping[str, Any], recipe: Recipe | None = None) -> TrainOptions:
    """Defaults, then those of a recipe, then what was given."""
    check_length(given)
    values = dict(recipe.options) if recipe else {}
    if "minutes" in given:
        values.pop("steps", None)
    return TrainOptions(**values | dict(given))


def recipe_priming(recipe: Recipe, options: TrainOptions) -> PrimeOptions:
    """Of the priming that a recipe begins with; where the training was given another length, it scales alike.

    The recipe has steps for both.
    """
    values: dict[str, Any] = {name: getattr(options, name) for name in _TAKEN_OVER} | dict(recipe.priming)
    share = recipe.priming["steps"] / recipe.options["steps"]
    if options.steps is None:
        values |= {"steps": None, "minutes": share * options.minutes}
    else:
        values |= {"steps": max(1, round(share * options.steps))}
    return PrimeOptions(**values)


def _find_style(style: Path, arguments: TrainingArguments) -> Path:
    """The picture named, or the shipped one of that name. Tells what is to be known of it."""
    from impasto.imaging.style import read_style

    path = styles.find_picture(str(style))
    for remark in read_style(path)[1].notes:
        note(arguments, remark)
    return path


def _find_start(
    start: str | None,
    style: Path,
    recipe: Recipe | None,
    options: TrainOptions,
    plan: TrainingPlan,
    watch: TrainingProgress,
    *,
    find_lr: bool,
) -> Card | None:
    """The card named, or what the recipe primes, or what the adaptive network gives for the style."""
    from impasto.networks.card import load_primed

    if start in ("random", "primed"):
        return load_primed(options.network) if start == "primed" else None
    if start:
        return styles.load(start)
    if recipe and recipe.priming:
        return _prime_by_recipe(recipe, options, plan, watch, find_lr=find_lr)
    if options.network != "light" or find_lr:
        # a search begins before the style's instant card: so little is left to be learned from there that no
        # rate stands out
        return load_primed(options.network)
    from impasto.training.train import instant_start

    return instant_start(style, plan.out, resume=plan.resume)


def _prime_by_recipe(
    recipe: Recipe, options: TrainOptions, plan: TrainingPlan, watch: TrainingProgress, *, find_lr: bool
) -> Card | None:
    """The card that the recipe's priming gives, or gave before; none for a search of a rate."""
    from impasto.networks.card import load_card
    from impasto.training.checkpoints import workspace
    from impasto.training.distributed import init_distributed
    from impasto.training.train import prime

    out = workspace(plan.out) / "primed.safetensors"
    with init_distributed(resolve_device(options.device)) as group:
        if group.broadcast(float(out.exists())):  # who does not see it takes its weights over from who does
            return load_card(out) if out.exists() else None
    if find_lr:
        return None
    watch.begin("priming")
    card = prime(recipe_priming(recipe, options), replace(plan, out=out))
    # as a file would hold it, so that it is the same start whenever the training is resumed
    return replace(card, tensors={name: t.cpu().half().float() for name, t in card.tensors.items()})


def _primes(recipe: Recipe | None, start: str | None) -> bool:
    return bool(recipe and recipe.priming and not start)


def _resumes(start: str | None, recipe: Recipe | None, plan: TrainingPlan) -> bool:
    """Return whether a checkpoint must exist; a recipe may have been interrupted during priming."""
    from impasto.training.checkpoints import workspace

    if _primes(recipe, start):
        return plan.resume and (workspace(plan.out) / "checkpoint.pt").exists()
    return plan.resume


def _search(style: Path, options: TrainOptions, plan: TrainingPlan, arguments: TrainingArguments) -> None:
    from impasto.training.checkpoints import workspace
    from impasto.training.distributed import init_distributed
    from impasto.training.metrics_log import can_plot
    from impasto.training.train import find_rate

    test = find_rate(style, options, plan)
    with init_distributed(resolve_device(options.device)) as group:
        written = test.save(workspace(plan.out)) if group.is_main_process else []
    say(f"suggested: --learning-rate {test.suggestion():.2g}; see {' and '.join(map(str, written))}")
    if not can_plot():
        note(arguments, "a plot of it needs Matplotlib: pip install 'impasto[train]'")

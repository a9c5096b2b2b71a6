"""`impasto train`: what can be asked for, and how it is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from impasto import recipes
from impasto.cli.completion import recipe_names
from impasto.cli.error_handling import explained
from impasto.cli.flags import EXPERT, OUTPUT, Flag, HelpAll, panel, with_flags
from impasto.errors import UsageError
from impasto.options import kebab
from impasto.training.options import TrainOptions


@dataclass(frozen=True, kw_only=True)
class TrainingArguments:
    """Arguments shared by `train` and `prime`: the options that were `given`, and files.

    Without `photos`, made-up pictures take their place.
    """

    given: Mapping[str, Any]
    photos: tuple[Path, ...]
    out: Path
    resume: bool = False
    overwrite: bool = False
    tensorboard: bool = False
    quiet: bool = False


@dataclass(frozen=True, kw_only=True)
class TrainJob(TrainingArguments):
    """One call of `train`. `start` is a style, "primed", "random", or None for the usual start."""

    style: Path
    recipe: str | None = None
    start: str | None = None
    find_lr: bool = False
    about: Mapping[str, str] = field(default_factory=dict)


def parse_skips(text: str) -> tuple[int, ...]:
    """Levels of a U-Net from "2,3,4"; "none" is none."""
    try:
        return () if text == "none" else tuple(int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--skips is a list of levels such as 2,3,4, or none, not {text}") from None


LOOP_FLAGS = {
    "minutes": Flag("Time that it may take"),
    "steps": Flag("Gradient steps instead", unset="by the time"),
    "size": Flag("Side of the crops it learns from", "PIXELS"),
    "network": Flag("light, transformer_net, encoder_decoder or unet", "NAME", panel=EXPERT),
    "skips": Flag("Levels of a unet joined directly", "2,3,4", "all but the longest", parse_skips, EXPERT),
    "batch": Flag("Photos a pass, over all processes", panel=EXPERT),
    "accumulate": Flag("Passes whose gradients make a step", panel=EXPERT),
    "learning_rate": Flag("At its peak", panel=EXPERT),
    "schedule": Flag("Of the learning rate", panel=EXPERT),
    "weight_decay": Flag("As in AdamW", panel=EXPERT),
    "clip": Flag("Largest norm of the gradient", panel=EXPERT),
    "seed": Flag("Of weights, order and crops", panel=EXPERT),
    "workers": Flag("Processes that read photos", unset="1, or up to 8 beside a GPU", panel=EXPERT),
    "augment": Flag("Vary crops more", unset="for fewer than 500 photos", panel=EXPERT),
    "device": Flag("Where to compute", panel=EXPERT),
    "precision": Flag("Of the convolutions", panel=EXPERT),
}

FLAGS = LOOP_FLAGS | {
    "style_weight": Flag("More style, less of the photo"),
    "style_size": Flag("Long side of the style as it is seen: larger strokes", "PIXELS", panel=EXPERT),
    "content_weight": Flag("Factor of content", panel=EXPERT),
    "tv_weight": Flag("Factor of total variation: smoothness", panel=EXPERT),
    "lattice_weight": Flag("Factor of what repeats every 8 pixels", panel=EXPERT),
    "light_weight": Flag("Factor of the photo's large-scale light", panel=EXPERT),
    "recolor": Flag("Take content from photos in the style's colors", panel=EXPERT),
    "pooled": Flag("Share of the style error that is of all photos of a step together", panel=EXPERT),
    "style_loss": Flag("How features are compared", panel=EXPERT),
    "content_layers": Flag("As relu3_1=0.5,relu4_1", "LAYERS", "relu3_1, relu4_1", panel=EXPERT),
    "style_layers": Flag("As relu1_1=0.5,relu2_1", "LAYERS", "relu1_1 to relu5_1", panel=EXPERT),
    "normalise": Flag("Errors relative to their targets", panel=EXPERT),
    "backbone": Flag("compact, vgg19, vgg16 or a weights file", "NAME", panel=EXPERT),
    "pooling": Flag("In the backbone", panel=EXPERT),
}

# flags that `prime` has, too
PhotosFlag = Annotated[
    list[Path] | None,
    typer.Option(metavar="DIR", help="Folder, tar or photo [dim](made-up pictures)[/dim]"),
]
OutFlag = Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Where to write: .safetensors.")]
ResumeFlag = Annotated[bool, typer.Option("--resume", metavar=" ", help="Go on where it was interrupted.")]
OverwriteFlag = Annotated[
    bool, typer.Option("--overwrite", metavar=" ", help="Replace a file that is there.", **panel(OUTPUT))
]
TensorboardFlag = Annotated[
    bool, typer.Option("--tensorboard", metavar=" ", help="Write event files, too.", **panel(OUTPUT))
]
QuietFlag = Annotated[bool, typer.Option("--quiet", "-q", metavar=" ", help="Print nothing but errors.")]


def _about(help_: str) -> Any:
    return typer.Option(metavar="TEXT", help=help_, **panel(OUTPUT))


@explained()
@with_flags(TrainOptions, FLAGS)
def train(
    *,
    style: Annotated[Path, typer.Argument(metavar="STYLE_IMAGE", help="The picture whose look it learns.")],
    photos: PhotosFlag = None,
    out: OutFlag,
    given: dict[str, Any],
    recipe: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            autocompletion=recipe_names("train"),
            help=f"Published: {', '.join(recipes.names('train'))}.",
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="FILE", help="A card, primed or random [dim](its instant card)[/dim]"),
    ] = None,
    find_lr: Annotated[
        bool, typer.Option("--find-lr", metavar=" ", help="Only suggest a learning rate.")
    ] = False,
    resume: ResumeFlag = False,
    quiet: QuietFlag = False,
    help_all: HelpAll = False,
    overwrite: OverwriteFlag = False,
    tensorboard: TensorboardFlag = False,
    name: Annotated[str | None, _about("Name of the style in the card [dim](its file's)[/dim]")] = None,
    title: Annotated[str, _about("Title of the artwork, stored in the card.")] = "",
    artist: Annotated[str, _about("Artist of the artwork, stored in the card.")] = "",
    year: Annotated[str, _about("Year of the artwork, stored in the card.")] = "",
    licence: Annotated[str, _about("Licence of the artwork, stored in the card.")] = "",
    origin: Annotated[str, _about("Source of the artwork, stored in the card.")] = "",
) -> None:
    """Train a network to paint any photo in one style. --photos may be repeated."""
    job = TrainJob(
        style=style,
        photos=tuple(photos or ()),
        out=out,
        given=given,
        recipe=recipe,
        start=start,
        find_lr=find_lr,
        resume=resume,
        overwrite=overwrite,
        tensorboard=tensorboard,
        quiet=quiet,
        about={
            "style": name or kebab(out.stem),
            "title": title,
            "artist": artist,
            "year": year,
            "licence": licence,
            "origin": origin,
        },
    )
    from impasto.cli.train_run import run_train  # brings torch, which --help need not wait for

    run_train(job)

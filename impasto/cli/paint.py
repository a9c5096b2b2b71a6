"""`impasto paint`: what can be asked for, and how it is written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from impasto import recipes, styles
from impasto.cli import controls
from impasto.cli.completion import recipe_names
from impasto.cli.error_handling import explained
from impasto.cli.flags import EXPERT, HANDLES, Flag, HelpAll, panel, with_flags
from impasto.cli.output import (
    Animate,
    BitDepth,
    DryRun,
    MaxPixels,
    Out,
    Output,
    QualityFlag,
    Quiet,
    SaveEvery,
    StripMetadata,
    parse_megapixels,
)
from impasto.errors import UsageError
from impasto.painting.options import PaintOptions
from impasto.safe_paths import exists

Weighted = tuple[tuple[Path, float], ...]  # files with weights


@dataclass(frozen=True)
class PaintJob:
    """One call of the command: the pictures, what was `given` for `PaintOptions`, and what to write."""

    photo: Path
    styles: Weighted
    given: Mapping[str, Any]
    output: Output
    mask: Path | None = None
    regions: Mapping[Path, Weighted] = field(default_factory=dict)
    recipe: str | None = None
    like: Path | None = None


def parse_size(text: str) -> int | None:
    """Pixels; "original" is None."""
    if text.isdecimal():
        return int(text)
    if text == "original":
        return None
    raise UsageError(f"--size is a number of pixels, or original, not {text}")


def parse_scales(text: str) -> int | tuple[int, ...] | None:
    """ "auto" is None, a number of scales, or their long sides."""
    try:
        sides = tuple(int(part) for part in text.split(","))
    except ValueError:
        if text == "auto":
            return None
        raise UsageError(f"--scales is auto, a number, or sizes such as 128,256,512, not {text}") from None
    return sides if len(sides) > 1 else sides[0]


def parse_style_crop(text: str) -> str | tuple[int, ...]:
    """ "auto", "off", or left, top, width and height in pixels."""
    if text in ("auto", "off"):
        return text
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--style-crop is auto, off or X,Y,W,H in pixels, not {text}") from None


def parse_tile(text: str) -> int | str:
    """ "auto", "off" or pixels."""
    if text in ("auto", "off"):
        return text
    if text.isdecimal():
        return int(text)
    raise UsageError(f"--tile is auto, off or a number of pixels, not {text}")


def parse_style(text: str) -> tuple[Path, float]:
    """File and weight of `wave.jpg:0.7`, `wave.jpg` or a shipped style; a file of that very name wins."""
    if exists(text):
        return Path(text), 1.0
    name, _, number = text.rpartition(":")
    try:
        weight = float(number)
    except ValueError:
        name, weight = text, 1.0
    if not name or not 0 <= weight < math.inf:
        raise UsageError(f"{text}: the weight of a style is a number from 0 up, as in wave.jpg:0.7")
    if exists(name):
        return Path(name), weight
    if shipped := styles.find(name):
        return shipped, weight
    raise styles.missing_picture(name)


FLAGS = {
    "size": Flag("Long side in pixels, or 'original'", "PIXELS", parse=parse_size),
    "style_crop": Flag("Frames and margins out", "auto|off|X,Y,W,H", parse=parse_style_crop, panel=EXPERT),
    "strength": Flag("0 keeps the photo, 1 forgets it"),
    "effort": Flag("quick, good or best", "HOW"),
    "stroke_size": Flag("Strokes, relative to the picture"),
    "keep_colour": Flag("luminance, histogram or lab-transfer", "HOW"),
    "seed": Flag("Same seed, same picture"),
    "keep_colour_amount": controls.FLAGS["keep_colour_amount"],
    "detail": controls.FLAGS["detail"],
    "iterations": Flag("Gradients in all", unset="from --effort", panel=EXPERT),
    "backbone": Flag("compact, vgg19, vgg16 or a weights file", "NAME", panel=EXPERT),
    "pooling": Flag("In the backbone", panel=EXPERT),
    "content_layers": Flag("As relu3_1=0.5,relu4_1", "LAYERS", "relu3_1, relu4_1", panel=EXPERT),
    "style_layers": Flag("As relu1_1=0.5,relu2_1", "LAYERS", "relu1_1 to relu5_1", panel=EXPERT),
    "content_weight": Flag("Raw factor", unset="from --strength", panel=EXPERT),
    "style_weight": Flag("Raw factor", unset="from --strength", panel=EXPERT),
    "tv_weight": Flag("Raw factor of total variation: smoothness", unset="from --strength", panel=EXPERT),
    "style_loss": Flag("How features are compared", panel=EXPERT),
    "normalise": Flag("Errors relative to their targets", panel=EXPERT),
    "init": Flag("auto, photo, noise, style, instant or a picture file", "START", panel=EXPERT),
    "optimizer": Flag("Solver", panel=EXPERT),
    "learning_rate": Flag("Length of a step", unset="1, or 0.02 for adam", panel=EXPERT),
    "scales": Flag("auto, how many, or their long sides", "N|N,N,...", "auto", parse_scales, EXPERT),
    "tile": Flag("Gradients in tiles, for huge pictures", "auto|off|PIXELS", parse=parse_tile, panel=EXPERT),
    "device": Flag("Where to compute", panel=EXPERT),
    "precision": Flag("Of the backbone", panel=EXPERT),
}


@explained()
@with_flags(PaintOptions, FLAGS)
def paint(
    *,
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="The picture to paint.")],
    style: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="STYLE",
            help="Style picture or shipped style, optionally with a weight: wave.jpg:0.7 scream.jpg:0.3. "
            f"Shipped: {', '.join(styles.pictures())}.",
        ),
    ] = None,
    out: Out = None,
    given: dict[str, Any],
    mask: controls.Mask = None,
    region: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MASK=STYLE",
            help="A style where a mask is white; may be repeated. STYLE takes what the masks leave.",
            **panel(HANDLES),
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            autocompletion=recipe_names("paint"),
            help=f"Published: {', '.join(recipes.names('paint'))}.",
        ),
    ] = None,
    like: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Take the options of a picture painted before.")
    ] = None,
    animate: Animate = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
    help_all: HelpAll = False,
    save_every: SaveEvery = None,
    bit_depth: BitDepth = Output.bit_depth,
    quality: QualityFlag = Output.quality,
    strip_metadata: StripMetadata = False,
    max_pixels: MaxPixels = None,
) -> None:
    """Paint a photo in the style of one or more pictures."""
    regions = controls.parse_regions(region)
    if not style and not regions:
        raise UsageError("missing STYLE, e.g. impasto paint photo.jpg wave.jpg")
    job = PaintJob(
        photo=photo,
        styles=tuple(parse_style(str(text)) for text in style or ()),
        given=given,
        output=Output(
            out=out,
            animate=animate,
            dry_run=dry_run,
            quiet=quiet,
            save_every=save_every,
            bit_depth=bit_depth,
            quality=quality,
            strip_metadata=strip_metadata,
            max_pixels=None if max_pixels is None else parse_megapixels(max_pixels),
        ),
        mask=mask,
        regions={Path(one): tuple(map(parse_style, names)) for one, names in regions.items()},
        recipe=recipe,
        like=like,
    )
    from impasto.cli.paint_run import run  # brings torch, which --help need not wait for

    run(job)

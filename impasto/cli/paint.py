"""`impasto paint`: what can be asked for, and how it is written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from impasto import recipes, styles
from impasto.cli.failures import explained
from impasto.cli.flags import EXPERT, OUTPUT, Flag, HelpAll, panel, with_flags
from impasto.errors import ImageError, UsageError
from impasto.painting.options import PaintOptions


@dataclass(frozen=True)
class PaintJob:
    """One call of the command: the pictures, what was `given` for `PaintOptions`, and what to write."""

    photo: Path
    styles: tuple[tuple[Path, float], ...]
    given: Mapping[str, Any]
    out: Path | None
    recipe: str | None = None
    like: Path | None = None
    dry_run: bool = False
    quiet: bool = False
    animate: Path | None = None
    save_every: int | None = None
    bit_depth: int = 8
    quality: int = 95
    strip_metadata: bool = False
    max_pixels: int | None = None


def parse_size(text: str) -> int | None:
    """Pixels; "original" is None."""
    if text.isdecimal():
        return int(text)
    if text == "original":
        return None
    raise UsageError(f"--size is a number of pixels, or original, not {text}")


def parse_megapixels(number: float) -> int:
    """Pixels."""
    if not 0 < number < math.inf:
        raise UsageError(f"--max-pixels is a number of megapixels, not {number}")
    return round(number * 1e6)


def parse_scales(text: str) -> int | tuple[int, ...] | None:
    """ "auto" is None, a number of scales, or their long sides."""
    try:
        sides = tuple(int(part) for part in text.split(","))
    except ValueError:
        if text == "auto":
            return None
        raise UsageError(f"--scales is auto, a number, or sizes such as 128,256,512, not {text}") from None
    return sides if len(sides) > 1 else sides[0]


def parse_tile(text: str) -> int | str:
    """ "auto", "off" or pixels."""
    if text in ("auto", "off"):
        return text
    if text.isdecimal():
        return int(text)
    raise UsageError(f"--tile is auto, off or a number of pixels, not {text}")


def parse_style(text: str) -> tuple[Path, float]:
    """File and weight of `wave.jpg:0.7`, `wave.jpg` or a shipped style; a file of that very name wins."""
    if Path(text).exists():
        return Path(text), 1.0
    name, _, number = text.rpartition(":")
    try:
        weight = float(number)
    except ValueError:
        name, weight = text, 1.0
    if not name or not 0 <= weight < math.inf:
        raise UsageError(f"{text}: the weight of a style is a number from 0 up, as in wave.jpg:0.7")
    if Path(name).exists():
        return Path(name), weight
    if shipped := styles.find(name):
        return shipped, weight
    raise ImageError(f"{name} does not exist; the shipped styles are {', '.join(styles.pictures())}")


FLAGS = {
    "size": Flag("Long side in pixels, or 'original'", "PIXELS", parse=parse_size),
    "strength": Flag("0 keeps the photo, 1 forgets it"),
    "style_size": Flag("Strokes, relative to the picture"),
    "iterations": Flag("Gradients in all: finer, and slower"),
    "seed": Flag("Same seed, same picture"),
    "backbone": Flag("compact, vgg19, vgg16 or a weights file", "NAME", panel=EXPERT),
    "pooling": Flag("In the backbone", panel=EXPERT),
    "content_layers": Flag("As relu3_1=0.5,relu4_1", "LAYERS", "relu3_1, relu4_1", panel=EXPERT),
    "style_layers": Flag("As relu1_1=0.5,relu2_1", "LAYERS", "relu1_1 to relu5_1", panel=EXPERT),
    "content_weight": Flag("Raw factor", unset="from --strength", panel=EXPERT),
    "style_weight": Flag("Raw factor", unset="from --strength", panel=EXPERT),
    "tv_weight": Flag("Raw factor of total variation: smoothness", unset="from --strength", panel=EXPERT),
    "style_loss": Flag("Gram matrices, or means and covariances", panel=EXPERT),
    "normalise": Flag("Errors relative to their targets", panel=EXPERT),
    "init": Flag("Start from photo, noise, style or a picture file", "START", panel=EXPERT),
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
        list[Path],
        typer.Argument(
            metavar="STYLE",
            help="Whose look it takes, perhaps with a weight: wave.jpg:0.7 scream.jpg:0.3. "
            f"Shipped: {', '.join(styles.pictures())}.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Where to write: .jpg, .png, .webp or .tif."),
    ] = None,
    given: dict[str, Any],
    recipe: Annotated[
        str | None,
        typer.Option(metavar="NAME", help=f"Published: {', '.join(recipes.names('paint'))}."),
    ] = None,
    like: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Take the options of a picture painted before.")
    ] = None,
    animate: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Save the making-of, too: .gif, .webp or .mp4.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", metavar=" ", help="Only tell options, sizes, memory and time.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", metavar=" ", help="Print nothing but errors.")
    ] = False,
    help_all: HelpAll = False,
    save_every: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Also save every Nth iterate, as OUT-0010.", **panel(OUTPUT)),
    ] = None,
    bit_depth: Annotated[
        int, typer.Option(metavar="8|16", help="Of PNG and TIFF.", **panel(OUTPUT))
    ] = PaintJob.bit_depth,
    quality: Annotated[
        int, typer.Option(metavar="N", min=1, max=100, help="Of JPEG and WebP.", **panel(OUTPUT))
    ] = PaintJob.quality,
    strip_metadata: Annotated[
        bool,
        typer.Option(
            "--strip-metadata",
            metavar=" ",
            help="Write neither the photo's EXIF nor the record that --like reads.",
            **panel(OUTPUT),
        ),
    ] = False,
    max_pixels: Annotated[
        float | None,
        typer.Option(metavar="MEGAPIXELS", help="Refuse larger pictures [dim](250)[/dim]", **panel(OUTPUT)),
    ] = None,
) -> None:
    """Paint a photo in the style of one or more pictures."""
    job = PaintJob(
        photo=photo,
        styles=tuple(parse_style(str(text)) for text in style),
        given=given,
        out=out,
        recipe=recipe,
        like=like,
        dry_run=dry_run,
        quiet=quiet,
        animate=animate,
        save_every=save_every,
        bit_depth=bit_depth,
        quality=quality,
        strip_metadata=strip_metadata,
        max_pixels=None if max_pixels is None else parse_megapixels(max_pixels),
    )
    from impasto.cli.paint_run import run  # brings torch, which --help need not wait for

    run(job)

"""`impasto paint`: a photo painted in the style of one or more pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from impasto import recipes, styles
from impasto.cli import controls
from impasto.cli.display import download
from impasto.cli.error_handling import explained
from impasto.cli.flags import (
    CONTROL,
    EXPERT,
    BitDepthFlag,
    Flag,
    HelpAll,
    QualityFlag,
    QuietFlag,
    panel,
    parse_bit_depth,
    parse_megapixels,
    recipe_names,
    with_flags,
)
from impasto.cli.paint_session import (
    Animate,
    DryRun,
    MaxPixels,
    Out,
    Output,
    SaveEvery,
    StripMetadata,
    check_output,
    make,
    open_frames,
)
from impasto.errors import UsageError
from impasto.painting.options import PaintOptions
from impasto.recipes import Recipe

if TYPE_CHECKING:
    from impasto.painting.paint import Painter

Weighted = list[tuple[Path, float]]  # files with weights


def parse_size(text: str) -> int | None:
    """Pixels; "original" is None."""
    if text.isdecimal():
        return int(text)
    if text == "original":
        return None
    raise UsageError(f"--size must be a number of pixels, or original, not {text}")


def parse_scales(text: str) -> int | tuple[int, ...] | None:
    """ "auto" is None, a number of scales, or their long sides."""
    try:
        sides = tuple(int(part) for part in text.split(","))
    except ValueError:
        if text == "auto":
            return None
        raise UsageError(
            f"--scales must be auto, a number, or sizes such as 128,256,512, not {text}"
        ) from None
    return sides if len(sides) > 1 else sides[0]


def parse_style_crop(text: str) -> str | tuple[int, ...]:
    """ "auto", "off", or left, top, width and height in pixels."""
    if text in ("auto", "off"):
        return text
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--style-crop must be auto, off or X,Y,W,H in pixels, not {text}") from None


def parse_tile(text: str) -> int | str:
    """ "auto", "off" or pixels."""
    if text in ("auto", "off"):
        return text
    if text.isdecimal():
        return int(text)
    raise UsageError(f"--tile must be auto, off or a number of pixels, not {text}")


def parse_style(text: str) -> tuple[Path, float]:
    """File and weight of `wave.jpg:0.7`, `wave.jpg` or a shipped style; a file of that very name wins."""
    name, weight = styles.parse(text)
    return styles.find_picture(name), weight


FLAGS = {
    "size": Flag("Long side in pixels, or 'original'", "PIXELS", parse=parse_size),
    "style_crop": Flag(
        "Part of the style picture to use; auto leaves out frames and margins",
        "auto|off|X,Y,W,H",
        parse=parse_style_crop,
        panel=EXPERT,
    ),
    "strength": Flag("Style strength, 0 (photo) to 1"),
    "effort": Flag("Time to spend: quick, good or best", "HOW"),
    "stroke_size": Flag("Stroke size, relative to the picture"),
    "keep_color": Flag("Photo's colors: luminance, histogram or lab-transfer", "HOW"),
    "seed": Flag("Random seed; same seed, same picture"),
    "keep_color_amount": controls.FLAGS["keep_color_amount"],
    "detail": controls.FLAGS["detail"],
    "iterations": Flag("Gradient evaluations over all scales", unset="from --effort", panel=EXPERT),
    "backbone": Flag("Feature network: compact, vgg19, vgg16 or a weights file", "NAME", panel=EXPERT),
    "pooling": Flag("Pooling layers of the backbone", panel=EXPERT),
    "content_layers": Flag(
        "Content layers and weights, e.g. relu3_1=0.5,relu4_1", "LAYERS", "relu3_1, relu4_1", panel=EXPERT
    ),
    "style_layers": Flag(
        "Style layers and weights, e.g. relu1_1=0.5,relu2_1", "LAYERS", "relu1_1 to relu5_1", panel=EXPERT
    ),
    "content_weight": Flag("Raw weight of the content error", unset="from --strength", panel=EXPERT),
    "style_weight": Flag("Raw weight of the style error", unset="from --strength", panel=EXPERT),
    "tv_weight": Flag(
        "Raw weight of total variation; larger is smoother", unset="from --strength", panel=EXPERT
    ),
    "style_loss": Flag("Loss that compares style features", panel=EXPERT),
    "normalize": Flag("Measure errors relative to their targets", panel=EXPERT),
    "init": Flag("Start picture: auto, photo, noise, style, instant or a file", "START", panel=EXPERT),
    "optimizer": Flag("Optimization algorithm", panel=EXPERT),
    "learning_rate": Flag("Step length of the optimizer", unset="1, or 0.02 for adam", panel=EXPERT),
    "scales": Flag(
        "Scales to paint at: auto, their number, or their long sides",
        "N|N,N,...",
        "auto",
        parse_scales,
        EXPERT,
    ),
    "tile": Flag(
        "Side of the tiles for huge pictures, which save memory",
        "auto|off|PIXELS",
        parse=parse_tile,
        panel=EXPERT,
    ),
    "device": Flag("Device to compute on", panel=EXPERT),
    "precision": Flag("Number format of the backbone", panel=EXPERT),
}


@explained()
@with_flags(PaintOptions, FLAGS)
def paint(
    *,
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="Photo to paint.")],
    style: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="STYLE",
            help="Picture or shipped style, optionally with a weight: wave.jpg:0.7. "
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
            help="Style of the area where MASK is white; repeatable. STYLE applies to the rest.",
            **panel(CONTROL),
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            autocompletion=recipe_names("paint"),
            help=f"Preset: {', '.join(recipes.names('paint'))}.",
        ),
    ] = None,
    like: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Use the options of a picture painted before.")
    ] = None,
    animate: Animate = None,
    dry_run: DryRun = False,
    quiet: QuietFlag = False,
    help_all: HelpAll = False,
    save_every: SaveEvery = None,
    bit_depth: BitDepthFlag = "auto",
    quality: QualityFlag = Output.quality,
    strip_metadata: StripMetadata = False,
    max_pixels: MaxPixels = None,
) -> None:
    """Paint a photo in the style of one or more pictures."""
    regions = controls.parse_regions(region)
    if not style and not regions:
        raise UsageError("missing STYLE, e.g. impasto paint photo.jpg wave.jpg")
    styles_given = [parse_style(str(text)) for text in style or ()]
    output = Output(
        out=out,
        animate=animate,
        dry_run=dry_run,
        quiet=quiet,
        save_every=save_every,
        bit_depth=parse_bit_depth(bit_depth),
        quality=quality,
        strip_metadata=strip_metadata,
        max_pixels=parse_megapixels(max_pixels),
    )
    areas = {Path(one): [parse_style(name) for name in names] for one, names in regions.items()}
    published = find_recipe(recipe)
    if published and published.animated and out and not animate:
        output = replace(output, animate=out.with_suffix(".gif"))
    check_output(output, _read(photo, styles_given, areas, mask, given), "painting.jpg")
    frames = open_frames(output)
    options = resolve(given, published, like)
    make(_prepare(photo, styles_given, areas, mask, options, output), output, frames)


def find_recipe(name: str | None) -> Recipe | None:
    """The recipe of that name. Raises UsageError, with those there are, for one that is not for painting."""
    return None if name is None else recipes.find(name, "paint")


def resolve(given: Mapping[str, Any], recipe: Recipe | None = None, like: Path | None = None) -> PaintOptions:
    """The options: defaults, then those of a recipe or of a picture's record, then what was given."""
    if recipe and like:
        raise UsageError("--recipe and --like cannot be combined: give one of them")
    options = replace(_start(recipe, like), **given)
    has_raw_weights = None not in (options.content_weight, options.style_weight)
    if "strength" in given and (has_raw_weights or not options.normalize):
        raise UsageError("--strength has no effect with raw weights: change --style-weight instead")
    return options


def _start(recipe: Recipe | None, like: Path | None) -> PaintOptions:
    if like is None:
        return PaintOptions(**(recipe.options if recipe else {}))
    from impasto.painting.base import options_from  # brings torch

    return options_from(like)


def _read(
    photo: Path,
    styles: Weighted,
    regions: Mapping[Path, Weighted],
    mask: Path | None,
    given: Mapping[str, Any],
) -> list[Path]:
    """All pictures that are."""
    starts = [Path(given["init"])] if "init" in given else []
    masks = [*regions, *([mask] if mask else [])]
    named = [path for group in (styles, *regions.values()) for path, _ in group]
    return [photo, *named, *starts, *masks]


def _prepare(
    photo: Path,
    styles: Weighted,
    regions: Mapping[Path, Weighted],
    mask: Path | None,
    options: PaintOptions,
    output: Output,
) -> Painter:
    """The painter, which says what it would download first if this is a dry run."""
    from impasto.backbones.vgg import needed_download, untrained_vgg
    from impasto.imaging import io
    from impasto.painting.paint import Painter

    missing = needed_download(options.backbone) if output.dry_run else None
    untrained = untrained_vgg(options.backbone, pooling=options.pooling) if missing else None
    with download(output.quiet) as on_download:
        painter = Painter(
            photo,
            styles or None,
            options,
            region=regions,
            mask=mask,
            max_pixels=io.MAX_PIXELS if output.max_pixels is None else output.max_pixels,
            backbone=untrained,
            on_download=on_download,
        )
    if missing:
        size = f"{missing.size / 1e6:.0f} MB"
        painter.notes.append(f"painting would first download {missing.name}, {size}, from {missing.url}")
    return painter

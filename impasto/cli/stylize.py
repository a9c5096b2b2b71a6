"""`impasto stylize`: what can be asked for, and how it is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from impasto import styles
from impasto.cli.completion import style_names
from impasto.cli.controls import FLAGS, Mask, RegionFlags, parse_regions, require_style
from impasto.cli.error_handling import explained
from impasto.cli.flags import EXPERT, OUTPUT, HelpAll, panel, with_flags
from impasto.cli.output import parse_megapixels
from impasto.cli.paint import parse_size, parse_tile
from impasto.device import DeviceName, PrecisionName
from impasto.errors import UsageError
from impasto.stylizing.controls import StyleControls
from impasto.stylizing.options import BulkOptions
from impasto.stylizing.runtime import MANY, RuntimeName


@dataclass(frozen=True)
class StylizeJob:
    """One call of the command: what to stylize, how, and where to."""

    inputs: tuple[str, ...]
    out: str
    styles: tuple[str, ...]
    options: BulkOptions
    strength: float = 1.0
    refine: int = 0
    mask: Path | None = None
    regions: Mapping[str, list[str]] = field(default_factory=dict)
    handles: StyleControls = field(default_factory=StyleControls)
    device: DeviceName = "auto"
    precision: PrecisionName = "auto"
    runtime: RuntimeName = "auto"
    cluster: str | None = None
    workers: int | None = None
    dry_run: bool = False
    quiet: bool = False


def split_inputs(inputs: list[str], named: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Photos and styles: in `--style a:0.6 b:0.4` the second one arrives among the photos.

    Raises UsageError where no photo is left.
    """
    photos = tuple(text for text in inputs if not styles.is_style(text))
    if not photos:
        raise UsageError(f"{', '.join(inputs)} names styles only: name a photo, too")
    return photos, (*named, *(text for text in inputs if styles.is_style(text)))


def _shipped() -> str:
    names = ", ".join(styles.cards())
    return f" Shipped: {names}." if names else ""


@explained()
@with_flags(StyleControls, FLAGS, "handles")
def stylize(
    *,
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT",
            help="Photos, folders with all below them, or patterns such as 'in/**/*.jpg'; URLs such as s3://...",
        ),
    ],
    out: Annotated[
        str,
        typer.Option("--out", "-o", metavar="OUT", help="A folder; for one photo a picture file, too."),
    ],
    style: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STYLE...",
            autocompletion=style_names,
            help="A name, any picture, or a card's file; several with weights: starry-night:0.6 wave.jpg:0.4."
            + _shipped(),
        ),
    ] = None,
    strength: Annotated[
        float, typer.Option(metavar="NUMBER", help="0 keeps the photo, 1 is all style.")
    ] = StylizeJob.strength,
    refine: Annotated[
        int, typer.Option(metavar="N", min=0, help="Gradients of painting on top: slower, more of the style.")
    ] = StylizeJob.refine,
    handles: Mapping[str, Any],
    mask: Mask = StylizeJob.mask,
    size: Annotated[
        str, typer.Option(metavar="PIXELS", help="Long side of the pictures, or 'original'.")
    ] = "original",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", metavar=" ", help="Make again what is there already.")
    ] = BulkOptions.overwrite,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", metavar=" ", help="Tell what would be made, and its memory.")
    ] = StylizeJob.dry_run,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", metavar=" ", help="Print nothing but errors.")
    ] = StylizeJob.quiet,
    help_all: HelpAll = False,
    region: RegionFlags = None,
    suffix: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="SUFFIX",
            help="jpg, png, webp or tiff [dim](as the photo)[/dim]",
            **panel(OUTPUT),
        ),
    ] = BulkOptions.suffix,
    bit_depth: Annotated[
        int, typer.Option(metavar="8|16", help="Of PNG and TIFF.", **panel(OUTPUT))
    ] = BulkOptions.bit_depth,
    quality: Annotated[
        int, typer.Option(metavar="N", min=1, max=100, help="Of JPEG and WebP.", **panel(OUTPUT))
    ] = BulkOptions.quality,
    strip_metadata: Annotated[
        bool,
        typer.Option(
            "--strip-metadata",
            metavar=" ",
            help="Write neither the photos' EXIF nor the record of how a picture was made.",
            **panel(OUTPUT),
        ),
    ] = BulkOptions.strip_metadata,
    max_pixels: Annotated[
        float | None,
        typer.Option(metavar="MEGAPIXELS", help="Refuse larger photos [dim](250)[/dim]", **panel(OUTPUT)),
    ] = None,
    device: Annotated[
        str, typer.Option(metavar="auto|cpu|cuda|mps|xpu", help="Where to compute.", **panel(EXPERT))
    ] = StylizeJob.device,
    precision: Annotated[
        str, typer.Option(metavar="auto|float32|bfloat16", help="Of the network.", **panel(EXPERT))
    ] = StylizeJob.precision,
    tile: Annotated[
        str,
        typer.Option(
            metavar="auto|off|PIXELS",
            help="Paint in tiles, with little memory; auto does so where a picture would take over 1 GB.",
            **panel(EXPERT),
        ),
    ] = "auto",
    runtime: Annotated[
        str,
        typer.Option(
            metavar="auto|torch|openvino|onnxruntime",
            help=f"What computes: auto is torch for fewer than {MANY} photos, and for more the fastest that "
            "pip install 'impasto\\[fast]' brought, which takes seconds to get ready.",
            **panel(EXPERT),
        ),
    ] = StylizeJob.runtime,
    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="auto|ADDRESS",
            help="Share the work among processes of this machine, or the machines of a Ray cluster.",
            **panel(EXPERT),
        ),
    ] = StylizeJob.cluster,
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Of --cluster [dim](as many as it has processors, or GPUs)[/dim]",
            **panel(EXPERT),
        ),
    ] = StylizeJob.workers,
) -> None:
    """Apply a style to photos: a trained one, or any picture's. A run again skips what is done."""
    photos, names = split_inputs(inputs, style or [])
    regions = parse_regions(region)
    require_style(names, regions)
    if workers and not cluster:
        raise UsageError("--workers is how many a --cluster has: add --cluster auto")
    job = StylizeJob(
        inputs=photos,
        out=out,
        styles=names,
        options=BulkOptions(
            size=parse_size(size),
            bit_depth=bit_depth,
            quality=quality,
            strip_metadata=strip_metadata,
            max_pixels=None if max_pixels is None else parse_megapixels(max_pixels),
            tile=parse_tile(tile),  # type: ignore[arg-type]  # checked there
            suffix=suffix,
            overwrite=overwrite,
        ),
        strength=strength,
        refine=refine,
        mask=mask,
        regions=regions,
        handles=StyleControls(**handles),
        device=device,  # type: ignore[arg-type]  # checked by the stylizer
        precision=precision,  # type: ignore[arg-type]
        runtime=runtime,  # type: ignore[arg-type]
        cluster=cluster,
        workers=workers,
        dry_run=dry_run,
        quiet=quiet,
    )
    from impasto.cli.stylize_run import run  # brings torch, which --help need not wait for

    run(job)

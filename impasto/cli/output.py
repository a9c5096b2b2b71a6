"""Output flags shared by the commands that paint. Imports no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from impasto.cli.flags import OUTPUT, panel
from impasto.errors import UsageError


@dataclass(frozen=True)
class Output:
    """Output settings. `max_pixels` limits the pictures that are read; None is `io.MAX_PIXELS`."""

    out: Path | None
    animate: Path | None = None
    dry_run: bool = False
    quiet: bool = False
    save_every: int | None = None
    bit_depth: int = 8
    quality: int = 95
    strip_metadata: bool = False
    max_pixels: int | None = None


def parse_megapixels(number: float) -> int:
    """Pixels."""
    if not 0 < number < math.inf:
        raise UsageError(f"--max-pixels is a number of megapixels, not {number}")
    return round(number * 1e6)


Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", metavar="FILE", help="Where to write: .jpg, .png, .webp or .tif."),
]
Animate = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Save the making-of, too: .gif, .webp or .mp4.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", metavar=" ", help="Only tell options, sizes, memory and time.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", metavar=" ", help="Print nothing but errors.")]
SaveEvery = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Also save every Nth iterate, as OUT-0010.", **panel(OUTPUT)),
]
BitDepth = Annotated[int, typer.Option(metavar="8|16", help="Of PNG and TIFF.", **panel(OUTPUT))]
QualityFlag = Annotated[
    int, typer.Option(metavar="N", min=1, max=100, help="Of JPEG and WebP.", **panel(OUTPUT))
]
StripMetadata = Annotated[
    bool,
    typer.Option(
        "--strip-metadata",
        metavar=" ",
        help="Write neither the photo's EXIF nor the record that --like reads.",
        **panel(OUTPUT),
    ),
]
MaxPixels = Annotated[
    float | None,
    typer.Option(metavar="MEGAPIXELS", help="Refuse larger pictures [dim](250)[/dim]", **panel(OUTPUT)),
]

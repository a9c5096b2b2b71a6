"""`impasto texture`: a texture of any size, of one or more pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from impasto import styles
from impasto.cli.display import download
from impasto.cli.error_handling import explained
from impasto.cli.flags import (
    BitDepthFlag,
    Flag,
    HelpAll,
    QualityFlag,
    QuietFlag,
    parse_bit_depth,
    parse_megapixels,
    with_flags,
)
from impasto.cli.paint import FLAGS as PAINT_FLAGS
from impasto.cli.paint import parse_style
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
from impasto.painting.options import TextureOptions


def parse_size(text: str) -> int | tuple[int, int]:
    """The long side, or (height, width) of "1024x768", which is as wide as its first number."""
    sides = text.lower().split("x")
    if not all(side.isdecimal() for side in sides) or len(sides) > 2:
        raise UsageError(
            f"--size must be a number of pixels, or a width and a height such as 1024x768, not {text}"
        )
    width, *height = map(int, sides)
    return (height[0], width) if height else width


FLAGS = {
    "size": Flag("Long side, or width and height, in pixels", "PIXELS|WxH", parse=parse_size),
    "stroke_size": Flag("Stroke size, relative to the style's"),
    **{name: PAINT_FLAGS[name] for name in ("iterations", "seed", "backbone", "pooling")},
    "style_layers": replace(PAINT_FLAGS["style_layers"], unset=""),
    **{name: PAINT_FLAGS[name] for name in ("style_loss", "optimizer", "learning_rate", "tile")},
    **{name: PAINT_FLAGS[name] for name in ("device", "precision")},
}


@explained()
@with_flags(TextureOptions, FLAGS)
def texture(
    *,
    style: Annotated[
        list[Path],
        typer.Argument(
            metavar="STYLE",
            help="Picture or shipped style, optionally with a weight: wave.jpg:0.7. "
            f"Shipped: {', '.join(styles.pictures())}.",
        ),
    ],
    out: Out = None,
    given: dict[str, Any],
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
    """Make a texture of any size with the brushwork and colors of one or more pictures."""
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
    paths = [parse_style(str(text)) for text in style]
    from impasto.imaging import io  # brings torch, which --help need not wait for
    from impasto.painting.texture import TexturePainter

    check_output(output, [path for path, _ in paths], "texture.png")
    frames = open_frames(output)
    most = io.MAX_PIXELS if output.max_pixels is None else output.max_pixels
    with download(quiet) as on_download:
        painter = TexturePainter(paths, TextureOptions(**given), max_pixels=most, on_download=on_download)
    make(painter, output, frames)

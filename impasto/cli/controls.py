"""The flags of a painter's handles, the same for every command that applies networks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from impasto.cli.flags import CONTROL, Flag, panel
from impasto.errors import UsageError

FLAGS = {
    "keep_color": Flag("The photo's: by luminance, histogram or lab-transfer.", "HOW"),
    "keep_color_amount": Flag("How much of them, 0 to 1.", panel=CONTROL),
    "detail": Flag("How much of the photo's fine structure returns, 0 to 1.", panel=CONTROL),
    "stroke_size": Flag("Strokes so many times as large, 0.25 to 4.", panel=CONTROL),
}

Mask = Annotated[Path | None, typer.Option(metavar="MASK", help="White where the style goes; gray mixes.")]
RegionFlags = Annotated[
    list[str] | None,
    typer.Option(
        "--region",
        metavar="MASK=STYLE",
        help="A style where the mask is white; may be repeated. --style takes what the masks leave.",
        **panel(CONTROL),
    ),
]


def parse_regions(texts: Iterable[str] | None) -> dict[str, list[str]]:
    """Styles by mask, from MASK=STYLE; a mask that is named again has its styles mixed.

    Raises UsageError for a text without mask or style.
    """
    regions: dict[str, list[str]] = {}
    for text in texts or ():
        mask, _, style = text.rpartition("=")
        if not mask or not style:
            raise UsageError(f"--region takes MASK=STYLE, as in sky.png=starry-night, not {text}")
        regions.setdefault(mask, []).append(style)
    return regions


def require_style(styles: Sequence[str] | None, regions: Mapping[str, list[str]]) -> None:
    """Raise UsageError where none is named."""
    if not styles and not regions:
        raise UsageError("which style? name one with --style, or styles of regions with --region MASK=STYLE")

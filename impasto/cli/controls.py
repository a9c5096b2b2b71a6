"""The flags of the controls of a style, for every command that applies networks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from impasto.cli.flags import CONTROL, Flag, panel
from impasto.errors import UsageError

FLAGS = {
    "keep_color": Flag("Keep the photo's colors: luminance, histogram or lab-transfer.", "HOW"),
    "keep_color_amount": Flag("Share of the photo's colors to keep, 0 to 1.", panel=CONTROL),
    "keep_light": Flag(
        "Share of the photo's large-scale light to restore, 0 to 1.",
        panel=CONTROL,
        unset="0.75 for a picture as the style, else 0",
    ),
    "detail": Flag("Share of the photo's fine detail to restore, 0 to 1.", panel=CONTROL),
    "stroke_size": Flag("Factor of the stroke size, 0.25 to 4.", panel=CONTROL),
}

Mask = Annotated[
    Path | None, typer.Option(metavar="MASK", help="Mask picture: white is styled, gray partly.")
]
RegionFlags = Annotated[
    list[str] | None,
    typer.Option(
        "--region",
        metavar="MASK=STYLE",
        help="Style of the area where MASK is white; repeatable. --style applies to the rest.",
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
            raise UsageError(f"--region must be MASK=STYLE, e.g. sky.png=starry-night, not {text}")
        regions.setdefault(mask, []).append(style)
    return regions


def require_style(styles: Sequence[str] | None, regions: Mapping[str, list[str]]) -> None:
    """Raise UsageError where none is named."""
    if not styles and not regions:
        raise UsageError(
            "missing --style, e.g. --style starry-night; or give regions a style with --region MASK=STYLE"
        )

"""`impasto video`: what can be asked for, and how it is written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from impasto.cli.completion import style_names
from impasto.cli.controls import FLAGS as HANDLE_FLAGS
from impasto.cli.controls import Mask, RegionFlags, parse_regions, require_style
from impasto.cli.error_handling import explained
from impasto.cli.flags import EXPERT, OUTPUT, Flag, HelpAll, panel, with_flags
from impasto.cli.paint import parse_size
from impasto.device import DeviceName, PrecisionName
from impasto.errors import UsageError
from impasto.stylizing.controls import StyleControls
from impasto.stylizing.options import VideoOptions

ENGINES = ("network", "paint")


@dataclass(frozen=True)
class VideoTask:
    """One call of the command: which clip, how, and where to."""

    source: Path
    out: Path
    styles: tuple[str, ...]
    options: VideoOptions
    strength: float | None = None
    mask: Path | None = None
    regions: Mapping[str, list[str]] = field(default_factory=dict)
    handles: StyleControls = field(default_factory=StyleControls)
    engine: str = "network"
    preview: int | None = None
    runtime: str = "auto"
    device: DeviceName = "auto"
    precision: PrecisionName = "auto"
    quiet: bool = False


def parse_time(text: str) -> float:
    """Seconds from "90", "1:30" or "0:01:30.5"."""
    if not re.fullmatch(r"(\d+:){0,2}\d+(\.\d+)?", text):
        raise UsageError(f"a time is seconds such as 12.5, or minutes and seconds such as 1:30, not {text}")
    seconds = 0.0
    for part in text.split(":"):
        seconds = 60 * seconds + float(part)
    return seconds


FLAGS = {
    "start": Flag("Where to begin.", "TIME", parse=parse_time),
    "end": Flag("Where to end.", "TIME", "the clip's end", parse=parse_time),
    "every": Flag("Take one of so many frames.", "N"),
    "size": Flag("Long side of the result.", "PIXELS", "original", parse=parse_size),
    "steady": Flag("Hold strokes where they are, against flicker."),
    "fast": Flag("Paint every second frame; motion makes the ones between."),
    "side_by_side": Flag("Show the photo beside the picture."),
    "overwrite": Flag("Replace OUT, or what is unfinished of it."),
    "codec": Flag("Of the video.", "h264|hevc|vp9|av1|prores", "h264, in .webm vp9", panel=OUTPUT),
    "crf": Flag("Quality: smaller is better, and larger in bytes.", "N", "by codec", panel=OUTPUT),
}


@explained()
@with_flags(VideoOptions, FLAGS)
@with_flags(StyleControls, HANDLE_FLAGS, "handles")
def video(
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="A video, a folder of pictures, an animated GIF or WebP.")
    ],
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="A video, .gif, .webp, a folder, or names as out/%05d.png.")
    ],
    *,
    style: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STYLE",
            autocompletion=style_names,
            help="A name or any picture; for networks a card's file, too.",
        ),
    ] = None,
    given: Mapping[str, Any],
    strength: Annotated[
        float | None,
        typer.Option(metavar="NUMBER", help="0 keeps the photo, 1 is all style."),
    ] = VideoTask.strength,
    handles: Mapping[str, Any],
    mask: Mask = VideoTask.mask,
    preview: Annotated[
        int | None, typer.Option(metavar="FRAME", min=0, help="Write this one frame, as a picture.")
    ] = VideoTask.preview,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", metavar=" ", help="Print nothing but errors.")
    ] = VideoTask.quiet,
    help_all: HelpAll = False,
    region: RegionFlags = None,
    engine: Annotated[
        str,
        typer.Option(
            metavar="|".join(ENGINES),
            help="paint optimises each frame: better, and a hundred times slower.",
            **panel(EXPERT),
        ),
    ] = VideoTask.engine,
    runtime: Annotated[
        str, typer.Option(metavar="auto|torch|openvino|onnxruntime", help="What computes.", **panel(EXPERT))
    ] = VideoTask.runtime,
    device: Annotated[
        str, typer.Option(metavar="auto|cpu|cuda|mps|xpu", help="Where to compute.", **panel(EXPERT))
    ] = VideoTask.device,
    precision: Annotated[
        str, typer.Option(metavar="auto|float32|bfloat16", help="Of the network.", **panel(EXPERT))
    ] = VideoTask.precision,
) -> None:
    """Apply a style to a video, with its sound. What a stop or a kill leaves, the same command completes."""
    if engine not in ENGINES:
        raise UsageError(f"there is no engine {engine}: choose {' or '.join(ENGINES)}")
    if engine == "paint" and given.get("fast"):
        raise UsageError("--fast is for networks: --engine paint needs each frame for the next one")
    regions = parse_regions(region)
    require_style(style, regions)
    task = VideoTask(
        source=source,
        out=out,
        styles=tuple(style or ()),
        options=VideoOptions(**given),
        strength=strength,
        mask=mask,
        regions=regions,
        handles=StyleControls(**handles),
        engine=engine,
        preview=preview,
        runtime=runtime,
        device=device,  # type: ignore[arg-type]  # checked by the stylizer
        precision=precision,  # type: ignore[arg-type]
        quiet=quiet,
    )
    from impasto.cli.video_run import run  # brings torch, which --help need not wait for

    run(task)

"""`impasto video`: a style applied to a clip."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from impasto.cli.controls import FLAGS as HANDLE_FLAGS
from impasto.cli.controls import Mask, RegionFlags, parse_regions, require_style
from impasto.cli.display import Show, as_time, counted, progress, say, warn
from impasto.cli.error_handling import INTERRUPTED, explained, stopping
from impasto.cli.flags import (
    EXPERT,
    OUTPUT,
    DeviceFlag,
    Flag,
    HelpAll,
    PrecisionFlag,
    QuietFlag,
    RuntimeFlag,
    panel,
    style_names,
    with_flags,
)
from impasto.cli.outputs import check_free
from impasto.cli.paint import parse_size, parse_style
from impasto.errors import UsageError
from impasto.painting.options import PaintOptions
from impasto.stylizing.options import StyleControls, VideoOptions

if TYPE_CHECKING:
    from impasto.stylizing.finishing import FramePostprocessor
    from impasto.stylizing.frames import FrameStyler
    from impasto.stylizing.parts import Progress
    from impasto.stylizing.stylizer import Stylizer
    from impasto.stylizing.video import VideoJob

ENGINES = ("network", "paint")


def parse_time(text: str) -> float:
    """Seconds from "90", "1:30" or "0:01:30.5"."""
    if not re.fullmatch(r"(\d+:){0,2}\d+(\.\d+)?", text):
        raise UsageError(
            f"a time must be seconds such as 12.5, or minutes and seconds such as 1:30, not {text}"
        )
    seconds = 0.0
    for part in text.split(":"):
        seconds = 60 * seconds + float(part)
    return seconds


FLAGS = {
    "start": Flag("Start, in seconds or as 1:30.", "TIME", parse=parse_time),
    "end": Flag("End, in seconds or as 1:30.", "TIME", "the clip's end", parse=parse_time),
    "every": Flag("Use only every Nth frame.", "N"),
    "size": Flag("Long side in pixels.", "PIXELS", "original", parse=parse_size),
    "steady": Flag("Reduce flicker: keep strokes in place."),
    "fast": Flag("Style every second frame; interpolate the others."),
    "cuts": Flag("Begin anew at scene cuts.", panel=EXPERT),
    "side_by_side": Flag("Show the original beside the result."),
    "overwrite": Flag("Replace OUT, finished or not."),
    "deinterlace": Flag("Make whole frames from interlaced ones.", panel=EXPERT),
    "even": Flag("Crop odd sides by one pixel.", unset="for .mp4", panel=OUTPUT),
    "codec": Flag("Video codec.", "h264|hevc|vp9|av1|prores", "h264; vp9 for .webm", panel=OUTPUT),
    "crf": Flag(
        "Rate factor; smaller means better quality and a larger file.", "N", "by codec", panel=OUTPUT
    ),
}


@explained()
@with_flags(VideoOptions, FLAGS)
@with_flags(StyleControls, HANDLE_FLAGS, "handles")
def video(
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="Video, folder of pictures, animated GIF or WebP.")
    ],
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT", help="Output video, .gif, .webp, folder, or pattern such as out/%05d.png."
        ),
    ],
    *,
    style: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STYLE",
            autocompletion=style_names,
            help="Style name or picture; for networks also a card file.",
        ),
    ] = None,
    given: Mapping[str, Any],
    strength: Annotated[
        float | None,
        typer.Option(metavar="NUMBER", help="Style strength, 0 (photo) to 1 [dim](1; paint 0.5)[/dim]"),
    ] = None,
    handles: Mapping[str, Any],
    mask: Mask = None,
    preview: Annotated[
        int | None, typer.Option(metavar="FRAME", min=0, help="Write only this frame, as a picture.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", metavar=" ", help="Only print what would be made, and what it takes.")
    ] = False,
    quiet: QuietFlag = False,
    help_all: HelpAll = False,
    region: RegionFlags = None,
    engine: Annotated[
        str,
        typer.Option(
            metavar="|".join(ENGINES),
            help="Method; paint optimizes each frame: better, and a hundred times slower.",
            **panel(EXPERT),
        ),
    ] = "network",
    runtime: RuntimeFlag = "auto",
    device: DeviceFlag = "auto",
    precision: PrecisionFlag = "auto",
) -> None:
    """Apply a style to a video, and keep its sound. The same command continues an interrupted run."""
    if engine not in ENGINES:
        raise UsageError(f"--engine must be {' or '.join(ENGINES)}, not {engine}")
    if engine == "paint" and given.get("fast"):
        raise UsageError("--fast works only with networks: leave it out, or leave out --engine paint")
    regions = parse_regions(region)
    require_style(style, regions)
    options, controls = VideoOptions(**given), StyleControls(**handles)
    from impasto.imaging.video.open import open_clip  # these bring torch, which --help need not wait for
    from impasto.stylizing.stylizer import Stylizer
    from impasto.stylizing.video import VideoJob

    clip = open_clip(source, deinterlace=options.deinterlace)
    if engine == "paint":
        painting = PaintOptions(
            size=None,
            strength=PaintOptions.strength if strength is None else strength,
            stroke_size=controls.stroke_size,
            device=device,  # type: ignore[arg-type]  # checked there
            precision=precision,  # type: ignore[arg-type]
        )
        made = _paint_engine(style or [], regions, mask, controls, painting, cuts=options.cuts == "auto")
    else:
        stylizer = Stylizer(
            style or None,
            1.0 if strength is None else strength,
            mask=mask,
            region=regions,
            device=device,  # type: ignore[arg-type]  # checked there
            precision=precision,  # type: ignore[arg-type]
            runtime=runtime,  # type: ignore[arg-type]
            **asdict(controls),
        )
        made = _network_engine(stylizer)
    job = VideoJob(clip, made.styler, made.record, options, made.finish)
    if dry_run:
        from impasto.cli.dry_run import describe_video

        describe_video(job.plan(out))
    elif preview is None:
        run_job(job, made.notes, out, quiet=quiet)
    else:
        _write_preview(job, preview, out, overwrite=options.overwrite, quiet=quiet)


def run_job(
    job: VideoJob,
    notes: Callable[[], Sequence[str]],
    out: Path,
    *,
    quiet: bool,
    doing: str = "stylizing",
) -> None:
    """Make the video, and tell what came of it, with the notes of what makes its pictures."""
    from impasto.stylizing.video import is_video

    told = _tell([*notes(), *job.notes], [], quiet=quiet)
    started = time.monotonic()
    with stopping() as stop, progress(quiet) as show:
        watch = _VideoProgress(show, doing)
        try:
            complete = job.run(out, watch, stop)
        except KeyboardInterrupt:  # the second one, or one before there was a first frame
            complete = False
    _tell([*notes(), *job.notes], told, quiet=quiet)
    if not complete:
        kept = "; the same command goes on from there" if is_video(out) else ""
        say(f"stopped after {counted(watch.frames, 'frame')}{kept}")
        raise typer.Exit(INTERRUPTED)
    if not quiet:
        seconds = as_time(time.monotonic() - started)
        say(f"{out}: {counted(watch.frames, 'frame')} in {seconds}, {watch.rate:.1f} a second")


class _VideoProgress:
    """Draws the progress, and remembers the last of it."""

    def __init__(self, show: Show, doing: str) -> None:
        self._show, self._doing = show, doing
        self.frames, self.rate = 0, 0.0

    def __call__(self, progress: Progress) -> None:
        self.frames, self.rate = progress.frames, progress.per_second
        self._show(progress.done, self._doing, f"{counted(self.frames, 'frame')}, {self.rate:.1f} a second")


@dataclass(frozen=True)
class _Engine:
    """The engine of a video: a styler, a postprocessor, their record, and notes for the user."""

    styler: FrameStyler
    finish: FramePostprocessor
    record: Mapping[str, Any]
    notes: Callable[[], Sequence[str]]


def _network_engine(stylizer: Stylizer) -> _Engine:
    from impasto.stylizing.finishing import FramePostprocessor
    from impasto.stylizing.frames import NetworkStyler

    finish = FramePostprocessor(stylizer.finish)
    return _Engine(NetworkStyler(stylizer), finish, stylizer.record(), lambda: stylizer.notes)


def _paint_engine(
    style: Sequence[str],
    regions: Mapping[str, list[str]],
    mask: Path | None,
    controls: StyleControls,
    options: PaintOptions,
    *,
    cuts: bool,
) -> _Engine:
    from impasto import backbones
    from impasto.imaging.masks import RegionWeights
    from impasto.painting.inputs import read_styles
    from impasto.stylizing.finishing import FramePostprocessor, Postprocessor
    from impasto.stylizing.frames import PaintStyler

    groups = [*regions.values(), *([style] if style else [])]
    styles, notes = read_styles([[parse_style(text) for text in group] for group in groups])
    finish = Postprocessor(controls, mask)
    shares = RegionWeights(list(regions), base=bool(style))
    named = {
        "styles": list(style),
        "regions": [[digest, *one] for digest, one in zip(shares.digests, regions.values(), strict=True)],
    }
    return _Engine(
        PaintStyler(styles, backbones.load(options.backbone), options, shares=shares, cuts=cuts),
        FramePostprocessor(finish),
        {"engine": "paint", **named, "options": asdict(options), **finish.record()},
        lambda: [*notes, *shares.notes, *finish.notes],
    )


def _write_preview(job: VideoJob, frame: int, out: Path, *, overwrite: bool, quiet: bool) -> None:
    """Beside what will be the video, unless a picture was named."""
    from PIL import Image

    from impasto.imaging import io
    from impasto.imaging.encoding import FORMATS

    target = out if out.suffix.lower() in FORMATS else out.with_suffix(".png")
    check_free(target, replaces=overwrite)
    io.check_output(target)
    picture, _ = io.read(Image.fromarray(job.preview(frame)))
    io.write(target, picture)
    if not quiet:
        say(f"{target}: frame {frame}")


def _tell(notes: Sequence[str], told: Sequence[str], *, quiet: bool) -> Sequence[str]:
    """Each note once; returns all that were told."""
    for note in notes:
        if note not in told and not quiet:
            warn(note)
    return [*told, *notes]

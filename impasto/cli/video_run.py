"""`impasto video` at work: everything behind the command line that needs torch."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import typer
from PIL import Image

from impasto import backbones
from impasto.cli.display import as_time, counted, progress, say, warn
from impasto.cli.error_handling import INTERRUPTED
from impasto.cli.paint import parse_style
from impasto.cli.signals import stopping
from impasto.cli.video import VideoTask
from impasto.errors import UsageError
from impasto.imaging import io
from impasto.imaging.encoding import FORMATS
from impasto.imaging.video.open import open_clip
from impasto.painting.inputs import read_styles
from impasto.painting.options import PaintOptions
from impasto.stylizing.finishing import FramePostprocessor, Postprocessor
from impasto.stylizing.frames import FrameStyler, NetworkStyler, PaintStyler
from impasto.stylizing.progress import Progress
from impasto.stylizing.regions import RegionWeights
from impasto.stylizing.stylizer import Stylizer
from impasto.stylizing.video import VideoJob, is_video


def run(task: VideoTask) -> None:
    """Make the video, or one picture of it; raises what `explained` explains."""
    clip = open_clip(task.source)
    engine = _paint_engine(task) if task.engine == "paint" else _network_engine(task)
    job = VideoJob(clip, engine.styler, engine.record, task.options, engine.finish)
    if task.preview is not None:
        _write_preview(job, task)
        return
    told = _tell(task, [*engine.notes(), *job.notes], [])
    started = time.monotonic()
    with stopping() as stop, progress(task.quiet) as show:
        watch = _VideoProgress(show)
        try:
            complete = job.run(task.out, watch, stop)
        except KeyboardInterrupt:  # the second one, or one before there was a first frame
            complete = False
    _tell(task, [*engine.notes(), *job.notes], told)
    if not complete:
        kept = "; the same command goes on from there" if is_video(task.out) else ""
        say(f"stopped after {counted(watch.frames, 'frame')}{kept}")
        raise typer.Exit(INTERRUPTED)
    if not task.quiet:
        seconds = as_time(time.monotonic() - started)
        say(f"{task.out}: {counted(watch.frames, 'frame')} in {seconds}, {watch.rate:.1f} a second")


class _VideoProgress:
    """Draws the progress, and remembers the last of it."""

    def __init__(self, show: Callable[[float, str, str], None]) -> None:
        self._show = show
        self.frames, self.rate = 0, 0.0

    def __call__(self, progress: Progress) -> None:
        self.frames, self.rate = progress.frames, progress.per_second
        self._show(progress.done, "styling", f"{counted(self.frames, 'frame')}, {self.rate:.1f} a second")


@dataclass(frozen=True)
class _Engine:
    """The engine of a video: a styler, a postprocessor, their record, and notes for the user."""

    styler: FrameStyler
    finish: FramePostprocessor
    record: Mapping[str, Any]
    notes: Callable[[], Sequence[str]]


def _network_engine(task: VideoTask) -> _Engine:
    stylizer = Stylizer(
        list(task.styles) or None,
        1.0 if task.strength is None else task.strength,
        mask=task.mask,
        region=task.regions,
        device=task.device,
        precision=task.precision,
        runtime=task.runtime,  # type: ignore[arg-type]  # checked there
        **asdict(task.handles),
    )
    finish = FramePostprocessor(stylizer.finish)
    return _Engine(NetworkStyler(stylizer), finish, stylizer.record(), lambda: stylizer.notes)


def _paint_engine(task: VideoTask) -> _Engine:
    strength = PaintOptions.strength if task.strength is None else task.strength
    options = PaintOptions(
        size=None,
        strength=strength,
        stroke_size=task.handles.stroke_size,
        device=task.device,
        precision=task.precision,
    )
    groups = [*task.regions.values(), *([task.styles] if task.styles else [])]
    styles, notes = read_styles([[parse_style(text) for text in group] for group in groups])
    finish = Postprocessor(task.handles, task.mask)
    shares = RegionWeights(list(task.regions), base=bool(task.styles))
    named = {
        "styles": list(task.styles),
        "regions": [[mask, *one] for mask, one in zip(shares.digests, task.regions.values(), strict=True)],
    }
    return _Engine(
        PaintStyler(styles, backbones.load(options.backbone), options, shares=shares),
        FramePostprocessor(finish),
        {"engine": "paint", **named, "options": asdict(options), **finish.record()},
        lambda: [*notes, *shares.notes, *finish.notes],
    )


def _write_preview(job: VideoJob, task: VideoTask) -> None:
    """Beside what will be the video, unless a picture was named."""
    assert task.preview is not None
    target = task.out if task.out.suffix.lower() in FORMATS else task.out.with_suffix(".png")
    if target.exists() and not task.options.overwrite:
        raise UsageError(f"{target} exists: name another file, or replace it with --overwrite")
    io.check_output(target)
    picture, _ = io.read(Image.fromarray(job.preview(task.preview)))
    io.write(target, picture)
    if not task.quiet:
        say(f"{target}: frame {task.preview}")


def _tell(task: VideoTask, notes: Sequence[str], told: Sequence[str]) -> Sequence[str]:
    """Each note once; returns all that were told."""
    for note in notes:
        if note not in told and not task.quiet:
            warn(note)
    return [*told, *notes]

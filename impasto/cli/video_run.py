"""`impasto video` at work: everything behind the command line that needs torch."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import typer
from PIL import Image

from impasto import backbones
from impasto.cli.display import as_time, progress, say, warn
from impasto.cli.failures import INTERRUPTED
from impasto.cli.stopping import stopping
from impasto.cli.video import VideoTask
from impasto.errors import UsageError
from impasto.imaging import io
from impasto.imaging.encoding import FORMATS
from impasto.imaging.video.opening import open_clip
from impasto.painting.objective import Style
from impasto.painting.options import PaintOptions
from impasto.stylizing.frames import FrameStyler, NetworkStyler, PaintStyler
from impasto.stylizing.stylizer import Stylizer
from impasto.stylizing.video import Progress, VideoJob, is_video


def run(task: VideoTask) -> None:
    """Make the video, or one picture of it; raises what `explained` explains."""
    clip = open_clip(task.source)
    styler, record, notes = _styler(task)
    job = VideoJob(clip, styler, record, task.options)
    if task.preview is not None:
        _write_preview(job, task)
        return
    told = _tell(task, [*notes, *job.notes], [])
    started = time.monotonic()
    with stopping() as stop, progress(task.quiet) as show:
        watch = _Watch(show)
        complete = job.run(task.out, watch, stop)
    _tell(task, job.notes, told)
    if not complete:
        kept = "; the same command goes on from there" if is_video(task.out) else ""
        say(f"stopped after {watch.frames} frames{kept}")
        raise typer.Exit(INTERRUPTED)
    if not task.quiet:
        seconds = as_time(time.monotonic() - started)
        say(f"{task.out}: {watch.frames} frames in {seconds}, {watch.rate:.1f} a second")


class _Watch:
    """Draws the progress, and remembers the last of it."""

    def __init__(self, show: Callable[[float, str, str], None]) -> None:
        self._show = show
        self.frames, self.rate = 0, 0.0

    def __call__(self, progress: Progress) -> None:
        self.frames, self.rate = progress.frames, progress.per_second
        self._show(progress.done, "styling", f"{self.frames} frames, {self.rate:.1f} a second")


def _styler(task: VideoTask) -> tuple[FrameStyler, Mapping[str, Any], Sequence[str]]:
    """With what it is, and what the user should hear."""
    if task.engine == "paint":
        return _painter(task)
    strength = 1.0 if task.strength is None else task.strength
    stylizer = Stylizer(
        list(task.styles),
        strength,
        device=task.device,
        precision=task.precision,
        runtime=task.runtime,  # type: ignore[arg-type]  # checked there
    )
    return NetworkStyler(stylizer), stylizer.record(), stylizer.notes


def _painter(task: VideoTask) -> tuple[FrameStyler, Mapping[str, Any], Sequence[str]]:
    strength = PaintOptions.strength if task.strength is None else task.strength
    options = PaintOptions(size=None, strength=strength, device=task.device, precision=task.precision)
    pictures = [io.read(name) for name in task.styles]
    styles = [Style(image, alpha=info.alpha) for image, info in pictures]
    record = {"engine": "paint", "styles": list(task.styles), "options": asdict(options)}
    notes = [note for _, info in pictures for note in info.notes]
    return PaintStyler(styles, backbones.load(options.backbone), options), record, notes


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

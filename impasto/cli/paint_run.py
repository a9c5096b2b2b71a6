"""`impasto paint` at work: everything behind the command line that needs torch."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer

from impasto import recipes
from impasto.cli import dry_run
from impasto.cli.display import Show, complain, download, progress, say, warn
from impasto.cli.failures import INTERRUPTED
from impasto.cli.paint import PaintJob
from impasto.device import ran_out_of_memory
from impasto.errors import DivergenceError, MemoryLimitError, UsageError
from impasto.imaging import io
from impasto.imaging.animation import AnimationWriter
from impasto.imaging.encoding import find_format
from impasto.painting.options import PaintOptions
from impasto.painting.paint import Painter, options_from
from impasto.progress import Step
from impasto.recipes import Recipe


def run(job: PaintJob) -> None:
    """Paint and save; raises what `explained` explains."""
    recipe = find_recipe(job.recipe)
    if recipe and recipe.animated and job.out and not job.animate:
        job = replace(job, animate=job.out.with_suffix(".gif"))
    _check_outputs(job)
    frames = AnimationWriter(job.animate) if job.animate else None
    started = time.monotonic()
    painter = _prepare(job, resolve(job, recipe))
    if job.dry_run:
        dry_run.describe(painter)
        return
    assert job.out is not None  # as checked
    step, stopped = _paint(painter, job, frames)
    _save(painter, step, job, job.out)
    if frames:
        try:
            frames.close()
        except KeyboardInterrupt as error:
            stopped = error
    _report(job, painter, step, stopped, time.monotonic() - started)


def find_recipe(name: str | None) -> Recipe | None:
    """The recipe of that name. Raises UsageError, with those there are, for one that is not for painting."""
    return None if name is None else recipes.find(name, "paint")


def resolve(job: PaintJob, recipe: Recipe | None = None) -> PaintOptions:
    """The options: defaults, then those of a recipe or of a picture's record, then what was given."""
    if recipe and job.like:
        raise UsageError("--recipe and --like both say how to paint: give one of them")
    base: Mapping[str, Any] = recipe.options if recipe else {}
    start = options_from(job.like) if job.like else PaintOptions(**base)
    options = replace(start, **job.given)
    has_raw_weights = None not in (options.content_weight, options.style_weight)
    if "strength" in job.given and (has_raw_weights or not options.normalise):
        raise UsageError("--strength does nothing beside raw weights: change --style-weight instead")
    return options


def _check_outputs(job: PaintJob) -> None:
    """Find out before hours of work what could not be written, or would overwrite what is read."""
    if job.out is None:
        if job.dry_run:
            return
        raise UsageError("where to? name the picture to write, as in -o painting.jpg")
    io.check_output(job.out, bit_depth=job.bit_depth)
    starts = [Path(job.given["init"])] if "init" in job.given else []
    read = [job.photo, *(path for path, _ in job.styles), *starts]
    for written in filter(None, (job.out, job.animate)):
        if any(_is_same(written, path) for path in read):
            raise UsageError(f"{written} would be overwritten by what is made of it: choose another name")
    if job.animate and _is_same(job.animate, job.out):
        raise UsageError(f"{job.out} cannot be both the painting and its making-of: choose another name")


def _is_same(one: Path, other: Path) -> bool:
    if one.exists() and other.exists():
        return one.samefile(other)
    return one.absolute() == other.absolute()


def _prepare(job: PaintJob, options: PaintOptions) -> Painter:
    with download(job.quiet) as on_download:
        painter = Painter(
            job.photo,
            list(job.styles),
            options,
            max_pixels=io.MAX_PIXELS if job.max_pixels is None else job.max_pixels,
            on_download=on_download,
        )
    for note in () if job.quiet else painter.notes:
        warn(note)
    if job.out and max(painter.size) > (limit := find_format(job.out, job.bit_depth).longest_side):
        raise UsageError(f"{job.out} cannot hold {max(painter.size)} pixels a side, only {limit}")
    return painter


def _paint(
    painter: Painter, job: PaintJob, frames: AnimationWriter | None
) -> tuple[Step, KeyboardInterrupt | DivergenceError | None]:
    """The last good step, and what stopped the work before its end, if something did."""
    step, steps = None, painter.steps()
    with _advising(painter), progress(job.quiet) as show:
        show(0.0, "starting", "")
        try:
            for count, step in enumerate(steps, 1):
                _draw(show, step)
                if frames:
                    frames.add(step.image)
                if job.save_every and job.out and count % job.save_every == 0:
                    _save(painter, step, job, job.out.with_stem(f"{job.out.stem}-{count:04}"))
        except (KeyboardInterrupt, DivergenceError) as error:
            if step is None:
                raise
            return step, error
    assert step is not None  # there is at least one iteration
    return step, None


def _draw(show: Show, step: Step) -> None:
    height, width = step.size
    losses = ", ".join(
        f"{name} {step.losses[name]:.3g}" for name in ("style", "content") if name in step.losses
    )
    doing = f"scale {step.scale + 1}/{step.scales} ({width}x{height})"
    show(step.done, doing, f"{step.iteration}/{step.iterations}, {losses}")


@contextmanager
def _advising(painter: Painter) -> Iterator[None]:
    """Tell a size that needs half the memory, where memory ran out in spite of the estimate."""
    try:
        yield
    except Exception as error:
        if not ran_out_of_memory(error):
            raise
        side = max(painter.size)
        raise MemoryLimitError(
            f"memory ran out while painting at {side} pixels; try --size {round(side * 0.7)}"
        ) from error


def _save(painter: Painter, step: Step, job: PaintJob, path: Path) -> None:
    image, alpha = painter.finish(step)
    io.write(
        path,
        image,
        alpha=alpha,
        exif=None if job.strip_metadata else painter.info.exif,
        bit_depth=job.bit_depth,
        quality=job.quality,
        record=None if job.strip_metadata else painter.record(step),
    )


def _report(
    job: PaintJob,
    painter: Painter,
    step: Step,
    stopped: KeyboardInterrupt | DivergenceError | None,
    seconds: float,
) -> None:
    height, width = painter.size
    size = f"{width} x {height} pixels"
    if isinstance(stopped, DivergenceError):
        complain(f"{stopped}; {job.out} is the last good picture, {step.done:.0%} of the way")
        raise typer.Exit(1)
    if stopped:
        say(f"stopped at {step.done:.0%}; {job.out} is the picture so far, {size}")
        raise typer.Exit(INTERRUPTED)
    if not job.quiet:
        also = f", and {job.animate}" if job.animate else ""
        say(f"{job.out}{also}: {size}, painted in {seconds:.1f} s")

"""A painting in the making: its progress, its frames, the files that it leaves, and how it ends."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from impasto.cli import dry_run
from impasto.cli.display import Show, complain, progress, say, warn
from impasto.cli.error_handling import INTERRUPTED
from impasto.cli.output import Output
from impasto.device import ran_out_of_memory
from impasto.errors import DivergenceError, MemoryLimitError, UsageError
from impasto.imaging import io
from impasto.imaging.animation import AnimationWriter
from impasto.imaging.encoding import find_format
from impasto.painting.base import BasePainter
from impasto.progress import Step

Stopped = KeyboardInterrupt | DivergenceError | None


def check_output(output: Output, read: Iterable[Path], example: str) -> None:
    """Find out before hours of work what could not be written, or would overwrite what is read."""
    if output.out is None:
        if output.dry_run:
            return
        raise UsageError(f"where to? name the picture to write, as in -o {example}")
    io.check_output(output.out, bit_depth=output.bit_depth)
    read = list(read)
    for written in filter(None, (output.out, output.animate)):
        if any(_is_same(written, path) for path in read):
            raise UsageError(f"{written} would be overwritten by what is made of it: choose another name")
    if output.animate and _is_same(output.animate, output.out):
        raise UsageError(f"{output.out} cannot be both the painting and its making-of: choose another name")


def open_frames(output: Output) -> AnimationWriter | None:
    """The making-of, if one is asked for."""
    return AnimationWriter(output.animate) if output.animate else None


def make(easel: BasePainter, output: Output, frames: AnimationWriter | None) -> None:
    """Print warnings, paint and save; with --dry-run print only the plan."""
    started = time.monotonic()
    for note in () if output.quiet else easel.notes:
        warn(note)
    if output.dry_run:
        dry_run.describe(easel)
        return
    assert output.out is not None  # as checked
    longest = find_format(output.out, output.bit_depth).longest_side
    if max(easel.size) > longest:
        raise UsageError(f"{output.out} cannot hold {max(easel.size)} pixels a side, only {longest}")
    step, stopped = _paint(easel, output, output.out, frames)
    _save(easel, step, output, output.out)
    if frames:
        try:
            frames.close()
        except KeyboardInterrupt as error:
            stopped = error
    _report(easel, output, step, stopped, time.monotonic() - started)


def _is_same(one: Path, other: Path) -> bool:
    if one.exists() and other.exists():
        return one.samefile(other)
    return one.absolute() == other.absolute()


def _paint(
    easel: BasePainter, output: Output, out: Path, frames: AnimationWriter | None
) -> tuple[Step, Stopped]:
    """The last good step, and what stopped the work before its end, if something did."""
    step, steps = None, easel.steps()
    with _advising(easel), progress(output.quiet) as show:
        show(0.0, "starting", "")
        try:
            for count, step in enumerate(steps, 1):
                _draw(show, step)
                if frames:
                    frames.add(step.image)
                if output.save_every and count % output.save_every == 0:
                    _save(easel, step, output, out.with_stem(f"{out.stem}-{count:04}"))
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
def _advising(easel: BasePainter) -> Iterator[None]:
    """Tell a size that needs half the memory, where memory ran out in spite of the estimate."""
    try:
        yield
    except Exception as error:
        if not ran_out_of_memory(error):
            raise
        side = max(easel.size)
        raise MemoryLimitError(
            f"memory ran out while painting at {side} pixels; try --size {round(side * 0.7)}"
        ) from error


def _save(easel: BasePainter, step: Step, output: Output, path: Path) -> None:
    image, alpha = easel.finish(step)
    io.write(
        path,
        image,
        alpha=alpha,
        exif=None if output.strip_metadata else easel.exif,
        bit_depth=output.bit_depth,
        quality=output.quality,
        record=None if output.strip_metadata else easel.record(step),
    )


def _report(easel: BasePainter, output: Output, step: Step, stopped: Stopped, seconds: float) -> None:
    height, width = easel.size
    size = f"{width} x {height} pixels"
    if isinstance(stopped, DivergenceError):
        complain(f"{stopped}; {output.out} is the last good picture, {step.done:.0%} of the way")
        raise typer.Exit(1)
    if stopped:
        say(f"stopped at {step.done:.0%}; {output.out} is the picture so far, {size}")
        raise typer.Exit(INTERRUPTED)
    if not output.quiet:
        also = f", and {output.animate}" if output.animate else ""
        say(f"{output.out}{also}: {size}, painted in {seconds:.1f} s")

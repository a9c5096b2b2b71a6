"""What the commands that paint pixels share: their output flags, and a painting in the making.

Imports no torch before it is called.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from impasto.cli.display import Show, complain, progress, say, warn
from impasto.cli.error_handling import INTERRUPTED
from impasto.cli.flags import OUTPUT, panel
from impasto.device import ran_out_of_memory
from impasto.errors import DivergenceError, MemoryLimitError, UsageError
from impasto.progress import Step

if TYPE_CHECKING:
    from impasto.imaging.animation import AnimationWriter
    from impasto.painting.base import BasePainter

Stopped = KeyboardInterrupt | DivergenceError | None


@dataclass(frozen=True)
class Output:
    """Output settings. `max_pixels` limits the pictures that are read; None is `io.MAX_PIXELS`."""

    out: Path | None
    animate: Path | None = None
    dry_run: bool = False
    quiet: bool = False
    save_every: int | None = None
    bit_depth: int | None = None
    quality: int = 95
    strip_metadata: bool = False
    max_pixels: int | None = None


Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", metavar="FILE", help="Output file: .jpg, .png, .webp or .tif."),
]
Animate = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Also save an animation: .gif, .webp or .mp4.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", metavar=" ", help="Only print options, sizes, memory and time.")
]
SaveEvery = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Also save every Nth iteration, as OUT-0010.", **panel(OUTPUT)),
]
StripMetadata = Annotated[
    bool,
    typer.Option(
        "--strip-metadata",
        metavar=" ",
        help="Do not write the photo's EXIF, nor the record that --like reads.",
        **panel(OUTPUT),
    ),
]
MaxPixels = Annotated[
    float | None,
    typer.Option(metavar="MEGAPIXELS", help="Refuse larger pictures [dim](250)[/dim]", **panel(OUTPUT)),
]


def check_output(output: Output, read: Iterable[Path], example: str) -> None:
    """Find out before hours of work what could not be written, or would overwrite what is read."""
    if output.out is None:
        if output.dry_run:
            return
        raise UsageError(f"missing --out, e.g. -o {example}")
    from impasto.imaging import io

    io.check_output(output.out, bit_depth=output.bit_depth)
    if output.save_every:
        io.check_output(_numbered(output.out, 0))
    read = list(read)
    for written in filter(None, (output.out, output.animate)):
        if any(_is_same(written, path) for path in read):
            raise UsageError(f"output {written} is the same file as an input: choose another name")
    if output.animate and _is_same(output.animate, output.out):
        raise UsageError(f"--out and --animate both name {output.out}: choose another name for one of them")


def _numbered(out: Path, count: int) -> Path:
    """The name of an iterate."""
    return out.with_stem(f"{out.stem}-{count:04}")


def open_frames(output: Output) -> AnimationWriter | None:
    """The making-of, if one is asked for."""
    from impasto.imaging.animation import AnimationWriter

    return AnimationWriter(output.animate) if output.animate else None


def make(painter: BasePainter, output: Output, frames: AnimationWriter | None) -> None:
    """Print warnings, paint and save; with --dry-run print only the plan."""
    from impasto.cli import dry_run
    from impasto.imaging.encoding import find_format, lost_depth

    started = time.monotonic()
    lost = lost_depth(output.out, output.bit_depth, "the photo", painter.bit_depth) if output.out else ()
    for note in () if output.quiet else (*painter.notes, *lost):
        warn(note)
    if output.dry_run:
        dry_run.describe(painter)
        return
    assert output.out is not None  # as checked
    longest = find_format(output.out, output.bit_depth).longest_side
    if max(painter.size) > longest:
        raise UsageError(
            f"{output.out} cannot hold {max(painter.size)} pixels a side, only {longest}: choose another "
            "format or a smaller --size"
        )
    step, stopped = _paint(painter, output, output.out, frames)
    _save(painter, step, output, output.out)
    if frames:
        try:
            frames.close()
        except KeyboardInterrupt as error:
            stopped = error
    _report(painter, output, step, stopped, time.monotonic() - started)


def _is_same(one: Path, other: Path) -> bool:
    if one.exists() and other.exists():
        return one.samefile(other)
    return one.absolute() == other.absolute()


def _paint(
    painter: BasePainter, output: Output, out: Path, frames: AnimationWriter | None
) -> tuple[Step, Stopped]:
    """The last good step, and what stopped the work before its end, if something did."""
    step, steps = None, painter.steps()
    with _advising(painter), progress(output.quiet) as show:
        show(0.0, "starting", "")
        try:
            for count, step in enumerate(steps, 1):
                _draw(show, step)
                if frames:
                    frames.add(step.image)
                if output.save_every and count % output.save_every == 0:
                    _save(painter, step, output, _numbered(out, count))
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
def _advising(painter: BasePainter) -> Iterator[None]:
    """Tell a size that needs half the memory, where memory ran out in spite of the estimate."""
    try:
        yield
    except Exception as error:
        if not ran_out_of_memory(error):
            raise
        side = max(painter.size)
        raise MemoryLimitError(
            f"memory ran out while painting at {side} pixels: try --size {round(side * 0.7)}"
        ) from error


def _save(painter: BasePainter, step: Step, output: Output, path: Path) -> None:
    from impasto.imaging import io
    from impasto.imaging.encoding import kept_depth

    image, alpha = painter.finish(step)
    io.write(
        path,
        image,
        alpha=alpha,
        exif=None if output.strip_metadata else painter.exif,
        bit_depth=kept_depth(path, output.bit_depth, painter.bit_depth),
        quality=output.quality,
        record=None if output.strip_metadata else painter.record(step),
    )


def _report(painter: BasePainter, output: Output, step: Step, stopped: Stopped, seconds: float) -> None:
    height, width = painter.size
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

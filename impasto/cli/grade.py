"""`impasto grade`: the colors of a reference picture, or of a LUT, given to photos and videos."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Annotated, Any

import typer

from impasto.cli.display import complain, counted, progress, say, warn
from impasto.cli.error_handling import INTERRUPTED, explained
from impasto.cli.flags import (
    OUTPUT,
    BitDepthFlag,
    Flag,
    HelpAll,
    MaxPixelsFlag,
    QualityFlag,
    QuietFlag,
    StripMetadataFlag,
    SuffixFlag,
    parse_bit_depth,
    parse_megapixels,
    with_flags,
)
from impasto.cli.outputs import check_apart, check_free
from impasto.cli.paint import parse_style
from impasto.errors import UsageError
from impasto.grading.options import GradeOptions
from impasto.stylizing.options import BulkOptions

if TYPE_CHECKING:
    from impasto.grading.grader import Grader
    from impasto.stylizing.batch.inputs import Item
    from impasto.stylizing.batch.pipeline import Event, Summary

_MOST_LINES = 20

FLAGS = {
    "method": Flag("Method: transport, linear or reinhard", "NAME"),
    "amount": Flag("Share of the grade, 0 (photo) to 1"),
    "keep_lightness": Flag("Change hue and chroma only"),
    "lut_size": Flag("Points on each side of the LUT that is made", "17|33|65", panel=OUTPUT),
}


@explained()
@with_flags(GradeOptions, FLAGS)
def grade(
    *,
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="PHOTO... REFERENCE",
            help="Photos, or a clip; last the picture to take colors from, unless there is --lut.",
        ),
    ],
    out: Annotated[
        str | None,
        typer.Option("--out", "-o", metavar="OUT", help="Output folder, picture or video."),
    ] = None,
    lut: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="LUT to apply, .cube or HaldCLUT."),
    ] = None,
    save_lut: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the grade as a LUT, .cube or .png."),
    ] = None,
    given: dict[str, Any],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", metavar=" ", help="Replace pictures that exist.")
    ] = BulkOptions.overwrite,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", metavar=" ", help="Only print what would be made.")
    ] = False,
    quiet: QuietFlag = False,
    help_all: HelpAll = False,
    suffix: SuffixFlag = BulkOptions.suffix,
    bit_depth: BitDepthFlag = "auto",
    quality: QualityFlag = BulkOptions.quality,
    strip_metadata: StripMetadataFlag = BulkOptions.strip_metadata,
    max_pixels: MaxPixelsFlag = None,
) -> None:
    """Give photos, or a video, the colors of a picture or of a LUT. Drawing and detail stay."""
    photos, reference = _split(inputs, has_lut=lut is not None)
    if out is None and save_lut is None:
        raise UsageError("missing OUT: name the result with -o, or a LUT to write with --save-lut")
    options = BulkOptions(
        bit_depth=parse_bit_depth(bit_depth),
        quality=quality,
        strip_metadata=strip_metadata,
        max_pixels=parse_megapixels(max_pixels),
        suffix=suffix,
        overwrite=overwrite,
    )
    chosen = GradeOptions(**given)
    from impasto.grading.files import save_lut_of  # these bring torch, which --help need not wait for
    from impasto.grading.grader import Grader
    from impasto.grading.looks import check_look
    from impasto.stylizing.batch.inputs import collect, count_kinds
    from impasto.stylizing.video import is_video

    if out is not None and is_video(Path(out)):
        grader = Grader(reference, lut=lut, options=chosen)
        _grade_video(photos, Path(out), grader, save_lut, overwrite=overwrite, dry_run=dry_run, quiet=quiet)
        return
    passed_over: list[PurePath] = []
    unreadable: dict[Path, str] = {}
    target = "." if out is None else out
    items = collect(photos, target, options, unreadable.__setitem__, passed_over.append) if out else []
    check_apart((item.target for item in items), [path for path in (reference, lut) if path])
    if save_lut:
        _check_save_lut(save_lut, photos, [*items], overwrite=overwrite)
        check_look(save_lut)
    grader = Grader(reference, lut=lut, options=chosen)
    if not quiet:
        _tell(grader.notes)
    if dry_run:
        for item in items:
            say(f"{item.source} -> {item.target}")
        _tell(
            [
                *unreadable.values(),
                *(f"skips {path}: its suffix is not one of a picture" for path in passed_over),
            ]
        )
        return
    if save_lut and not items:
        save_lut_of(Path(photos[0]), grader, save_lut)
    if items:
        _grade_items(items, grader, options, save_lut, unreadable, quiet=quiet)
    if passed_over and not quiet:
        warn(f"files skipped: {count_kinds(passed_over)}; --dry-run names them")
    if save_lut and not quiet:
        say(f"{save_lut}: the grade as a LUT")


def _grade_video(
    sources: Sequence[str],
    out: Path,
    grader: Grader,
    save_lut: Path | None,
    *,
    overwrite: bool,
    dry_run: bool,
    quiet: bool,
) -> None:
    """Grade a clip by one table, which is made of frames from all of it."""
    from impasto.cli.video import run_job
    from impasto.grading.files import FrameGrader, lut_of_clip
    from impasto.grading.looks import check_look, write_look
    from impasto.imaging.video.open import open_clip
    from impasto.stylizing.options import VideoOptions
    from impasto.stylizing.video import VideoJob

    if len(sources) != 1:
        raise UsageError(f"{out} is one video: name one clip to grade")
    if save_lut:
        check_free(save_lut, replaces=overwrite)
        check_look(save_lut)
    clip = open_clip(sources[0])
    if dry_run:
        say(f"{sources[0]} -> {out}")
        return
    table = lut_of_clip(clip, grader)
    options = VideoOptions(steady=False, overwrite=overwrite)
    run_job(
        VideoJob(clip, FrameGrader(table), grader.record(), options),
        lambda: grader.notes,
        out,
        quiet=quiet,
        doing="grading",
    )
    if save_lut:
        write_look(save_lut, table)


def _split(inputs: Sequence[str], *, has_lut: bool) -> tuple[list[str], Path | None]:
    """Photos, and the reference, which is the last of the inputs."""
    if has_lut:
        return list(inputs), None
    if len(inputs) < 2:
        raise UsageError(
            "missing REFERENCE, e.g. impasto grade photo.jpg sunset.jpg -o graded.jpg; or name a LUT: --lut"
        )
    return list(inputs[:-1]), parse_style(inputs[-1])[0]


def _check_save_lut(save_lut: Path, photos: Sequence[str], items: Sequence[Item], *, overwrite: bool) -> None:
    if len(photos) > 1 or len(items) > 1 or Path(photos[0]).is_dir():
        raise UsageError("--save-lut needs one photo: each photo has a grade of its own")
    taken = [path.resolve() for item in items for path in (item.source, item.target)]
    if save_lut.resolve() in taken:
        raise UsageError(f"{save_lut} is the photo or its picture: choose another name for the LUT")
    check_free(save_lut, replaces=overwrite)


def _grade_items(
    items: Sequence[Item],
    grader: Grader,
    options: BulkOptions,
    save_lut: Path | None,
    unreadable: dict[Path, str],
    *,
    quiet: bool,
) -> None:
    """Grade all photos below a progress bar, and tell what came of it."""
    from impasto.grading.files import grade_all
    from impasto.stylizing.batch.pipeline import Summary

    summary, events, started = Summary(), list[Any](), time.monotonic()
    with progress(quiet or len(items) == 1) as show:

        def on_event(event: Event) -> None:
            summary.add(event)
            events.append(event)
            show(len(events) / len(items), "grading", f"{len(events)}/{len(items)}")

        try:
            grade_all(items, grader, options, on_event, save_lut=save_lut)
        except KeyboardInterrupt:
            say(f"stopped: {summary.done} graded; the same command goes on from there")
            raise typer.Exit(INTERRUPTED) from None
    summary.failed += unreadable.items()
    if not quiet:
        _tell([note for event in events for note in event.notes])
    _report(items, summary, events[-1], time.monotonic() - started, quiet=quiet)


def _report(items: Sequence[Item], summary: Summary, last: Event, seconds: float, *, quiet: bool) -> None:
    for _, reason in summary.failed[:_MOST_LINES]:
        complain(reason)
    if (more := len(summary.failed) - _MOST_LINES) > 0:
        complain(f"and {more} more photos failed")
    if len(items) == 1 and summary.kept:
        complain(f"{items[0].target} exists, made with other inputs or options: replace it with --overwrite")
        raise typer.Exit(1)
    if not quiet:
        if summary.kept:
            _tell([f"{path} was made with other inputs or options, and was kept" for path in summary.kept])
            warn("--overwrite replaces such pictures")
        if len(items) > 1:
            say(f"{counted(summary.done, 'photo')} graded, {summary.skipped} skipped in {seconds:.1f} s")
        elif summary.skipped:
            say(
                f"{items[0].target} exists, made with the same inputs and options; --overwrite makes it again"
            )
        elif summary.done:
            height, width = last.size
            say(f"{items[0].target}: {width} x {height} pixels, graded in {seconds:.1f} s")
    if summary.failed:
        raise typer.Exit(1)


def _tell(notes: Sequence[str]) -> None:
    for note in notes[:_MOST_LINES]:
        warn(note)
    if len(notes) > _MOST_LINES:
        warn(f"and {len(notes) - _MOST_LINES} more of that kind")

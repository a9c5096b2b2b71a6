"""`impasto evaluate` at work, on videos: how much they flicker, beside the clip that they were made from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from importlib.metadata import version

from rich.console import Console
from rich.table import Table

from impasto.cli import evaluate_page as report
from impasto.cli import evaluate_words as words
from impasto.cli.display import progress, say, warn
from impasto.cli.evaluate import ClipJob
from impasto.errors import UsageError
from impasto.evaluation.warping import CLIP_CONTROLS, Flicker, compare_clips
from impasto.imaging.files import check_target, replacing
from impasto.imaging.video.open import open_clip

_HEADINGS = ("", "warping error", "frames")
_BASIS = (
    "Root of the mean squared change from frame to frame that is no motion of the original, in units of the "
    "full range. Less is steadier; no styled clip can be expected below the original, and a picture without "
    "any strokes is steady, too: look at it beside style and content."
)


def run(job: ClipJob) -> None:
    """Measure and tell; raises what `explained` explains."""
    for path in (job.json, job.html):
        if path is not None:
            check_target(path)
    for name in job.styled:
        if name in CLIP_CONTROLS:
            raise UsageError(f"{name} is the name of a control: call the clip otherwise, as in mine=CLIP")
    original = open_clip(job.original)
    styled = {name: open_clip(path) for name, path in job.styled.items()}
    frames = original.info.frames or 0
    with ExitStack() as stack:
        show = stack.enter_context(progress(job.quiet))
        found = compare_clips(
            original,
            styled,
            resamples=job.options.resamples,
            seed=job.options.seed,
            on_frame=lambda n: show(min(1.0, n / max(n, frames)), "measuring", f"{n} frames"),
        )
    _tell(job, found)
    _write(job, found)


def _cells(flicker: Flicker) -> list[tuple[str, str]]:
    error = words.as_number(flicker.error, 4)
    return [(flicker.name, CLIP_CONTROLS.get(flicker.name, "")), error, (str(flicker.frames), "")]


def _tell(job: ClipJob, found: Sequence[Flicker]) -> None:
    if job.quiet:
        return
    for flicker in found:
        for note in flicker.notes:
            warn(note)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for heading in _HEADINGS:
        table.add_column(heading, justify="right" if heading else "left", overflow="fold")
    for flicker in found:
        table.add_row(
            *(words.two_lines(*cell) for cell in _cells(flicker)), style="dim" if flicker.control else ""
        )
    console = Console(highlight=False)
    console.print(table)
    console.print(f"\n{_BASIS}", markup=False)


def _write(job: ClipJob, found: Sequence[Flicker]) -> None:
    if job.json:
        table = [{**asdict(flicker), "error": asdict(flicker.error)} for flicker in found]
        told = {"impasto": version("impasto"), "original": str(job.original), "table": table}
        with replacing(job.json) as temporary:
            temporary.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if job.html:
        rows = [(flicker.control, _cells(flicker)) for flicker in found]
        notes = [note for flicker in found for note in flicker.notes]
        sections = [
            report.paragraphs([_BASIS]),
            report.section("Warping error", report.table(_HEADINGS, rows)),
            report.section("Notes", report.paragraphs(notes)),
            f"<footer>impasto {version('impasto')}</footer>",
        ]
        with replacing(job.html) as temporary:
            temporary.write_text(report.page("Flicker", sections), encoding="utf-8")
    written = [str(path) for path in (job.json, job.html) if path]
    if written and not job.quiet:
        say(f"written: {', '.join(written)}")

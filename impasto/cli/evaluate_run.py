"""`impasto evaluate` at work, on pictures: everything behind the command line that needs torch."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import typer
from rich.console import Console

from impasto import backbones
from impasto.cli import evaluate_report as report
from impasto.cli import evaluate_words as words
from impasto.cli.display import Show, as_time, complain, download, progress, say, warn
from impasto.cli.error_handling import INTERRUPTED
from impasto.cli.evaluate import EvaluateJob
from impasto.cli.evaluate_engines import make, plan
from impasto.device import resolve_device
from impasto.errors import MissingExtraError, UsageError
from impasto.evaluation.artfid import ArtFid, measure_artfid
from impasto.evaluation.layout import layout
from impasto.evaluation.matching import list_pictures, match_results
from impasto.evaluation.measuring import Method, measure
from impasto.evaluation.metrics import Likeness, StyleMetrics
from impasto.evaluation.outcome import Outcome
from impasto.evaluation.published import load_lpips, load_ssim
from impasto.evaluation.store import MeasurementStore
from impasto.imaging.files import check_target

_NUMBERS = "measured.jsonl"
_MOST_LINES = 10


@dataclass(frozen=True)
class Inputs:
    """Files by name."""

    photos: Mapping[str, Path]
    styles: Mapping[str, Path]


def run(job: EvaluateJob) -> None:
    """Make what is to be made, measure, and tell; raises what `explained` explains."""
    for path in (job.json, job.html):
        if path is not None:
            check_target(path)
    inputs = Inputs(list_pictures(job.photos), list_pictures(job.styles))
    yardstick, artfid, notes = _instruments(job)
    finished, told = _finished(job, inputs)
    try:
        made, failures = _made(job, inputs)
        contenders = [*finished, *made]
        outcome = _measured(job, inputs, contenders, yardstick)
        outcome = replace(
            outcome,
            failures=(*failures, *outcome.failures),
            notes=(*notes, *told, *outcome.notes),
        )
        if artfid:
            numbers = measure_artfid(inputs.photos, inputs.styles, contenders, outcome, artfid)
            outcome = replace(outcome, artfid=numbers)
    except KeyboardInterrupt as error:
        say(f"stopped; what is done stays in {job.keep}, and the same command goes on from there")
        raise typer.Exit(INTERRUPTED) from error
    _tell(job, outcome)
    report.write(job, (inputs.photos, inputs.styles), contenders, outcome)
    if outcome.failures:
        raise typer.Exit(1)


def _instruments(job: EvaluateJob) -> tuple[StyleMetrics, ArtFid | None, list[str]]:
    """Load the metrics: requested ones must be available; a default one that is missing is reported."""
    device = resolve_device(job.options.device)
    likenesses: dict[str, Likeness] = {"layout": layout}
    notes: list[str] = []
    try:
        likenesses["ssim"] = load_ssim()
    except MissingExtraError as error:
        notes.append(f"{error}; all else is measured without it")
    if "lpips" in job.also:
        likenesses["lpips"] = load_lpips(device)
    artfid = ArtFid(device) if "artfid" in job.also else None
    with download(job.quiet) as here:
        backbone = backbones.load(job.options.backbone, on_progress=here)
    return StyleMetrics(backbone.to(device), likenesses), artfid, notes


def _finished(job: EvaluateJob, inputs: Inputs) -> tuple[list[Method], list[str]]:
    """The folders of results, and what is to be told of them."""
    contenders: list[Method] = []
    notes: list[str] = []
    for name, folder in job.results.items():
        found = match_results(folder, [*inputs.photos], [*inputs.styles], job.pattern)
        contenders.append(Method(name, found.pictures))
        notes += found.notes
    return contenders, notes


def _made(job: EvaluateJob, inputs: Inputs) -> tuple[list[Method], list[str]]:
    """Collect the engines' pictures, new and old, and the reasons for missing ones."""
    plans = [plan(spec, inputs.photos, inputs.styles, job.options, job.keep) for spec in job.engines]
    folders = [making.folder for making in plans]
    if len(set(folders)) < len(folders):
        raise UsageError("two engines have one name: name them, as in soft=stylize:strength=0.5")
    with progress(job.quiet, clock=False) as show:
        total = sum(len(making.todo) for making in plans)
        watch = _EvaluateProgress(show, total)
        for making in plans:
            watch.doing = f"making {making.spec.name}"
            with making.store:
                make(making, watch.step)
    return [making.contender() for making in plans], [
        *dict.fromkeys(text for making in plans for text in making.failures)
    ]


def _measured(
    job: EvaluateJob, inputs: Inputs, contenders: Sequence[Method], yardstick: StyleMetrics
) -> Outcome:
    with MeasurementStore(job.keep / _NUMBERS) as store, progress(job.quiet, clock=False) as show:
        watch = _EvaluateProgress(show, 0, "measuring")
        files = inputs.photos, inputs.styles
        return measure(*files, contenders, yardstick, job.options, store=store, on_picture=watch.at)


class _EvaluateProgress:
    """Draws what is done of pictures, and the time that the rest will take at the pace so far."""

    def __init__(self, show: Show, total: int, doing: str = "") -> None:
        self._show, self._total, self.doing = show, total, doing
        self._done, self._started = 0, time.monotonic()

    def step(self) -> None:
        self.at(self._done + 1, self._total)

    def at(self, done: int, total: int) -> None:
        self._done = done
        left = (time.monotonic() - self._started) / done * (total - done)
        self._show(done / total, self.doing, f"{done}/{total}, {as_time(left)} left")


def _tell(job: EvaluateJob, outcome: Outcome) -> None:
    for sentence in outcome.failures[:_MOST_LINES]:
        complain(sentence)
    if (more := len(outcome.failures) - _MOST_LINES) > 0:
        complain(f"and {more} more of that kind")
    if job.quiet:
        outcome.rows  # noqa: B018  # raises where there is nothing to tell
        return
    for note in outcome.notes:
        warn(note)
    console = Console(highlight=False)
    console.print(words.as_table(outcome))
    for sentence in ("", words.basis(outcome), words.legend(), *words.remarks(outcome)):
        console.print(sentence, markup=False)
    for sentence in ("", *report.verdict(job, outcome)) if job.compare else ():
        console.print(sentence, markup=False)

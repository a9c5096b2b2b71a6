"""`impasto stylize` at work: everything behind the command line that needs torch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import typer

from impasto.cli.display import Show, complain, progress, say, warn
from impasto.cli.error_handling import INTERRUPTED
from impasto.cli.stylize import StylizeJob
from impasto.errors import ImpastoError, UsageError
from impasto.stylizing.bulk import Summary, stylize_all
from impasto.stylizing.cluster.filesystems import is_url
from impasto.stylizing.cluster.work_items import collect_work_items
from impasto.stylizing.inputs import Item, WorkItem, collect
from impasto.stylizing.pipeline import Event
from impasto.stylizing.runtime import runtime_for
from impasto.stylizing.stylizer import Stylizer

_MOST_LINES = 20


def run(job: StylizeJob) -> None:
    """Stylize all; raises what `explained` explains."""
    away = job.cluster is not None or any(is_url(name) for name in (*job.inputs, job.out))
    items: Sequence[Item | WorkItem] = (collect_work_items if away else collect)(
        job.inputs, job.out, job.options
    )
    _check_masks_stay(job, items)
    if away and job.refine:
        raise UsageError("--refine works on this machine alone: leave out --cluster, and name local files")
    stylizer = Stylizer(
        list(job.styles) or None,
        job.strength,
        mask=job.mask,
        region=job.regions,
        device="cpu" if away else job.device,
        precision=job.precision,
        refine=job.refine,
        runtime="torch" if away else runtime_for(job.runtime, len(items)),
        **asdict(job.handles),
    )
    told = stylizer.notes
    if not job.quiet:
        _tell(told)
    if job.dry_run:
        from impasto.cli.dry_run import describe_stylizing  # brings all that paints, too

        describe_stylizing([_as_item(item) for item in items], stylizer, job.options)
        return
    with progress(job.quiet or len(items) == 1) as show:
        watch = _StylizeProgress(show, len(items))
        try:
            show(0.0, "stylizing", f"0/{len(items)}")
            _work(job, items, stylizer, watch)
            stopped: BaseException | None = None
        except (KeyboardInterrupt, ImpastoError) as error:
            stopped = error
    watch.notes += [note for note in stylizer.notes if note not in told]  # on masks
    _report(job, items, watch, stopped)


def _work(
    job: StylizeJob, items: Sequence[Item | WorkItem], stylizer: Stylizer, watch: _StylizeProgress
) -> None:
    here = [item for item in items if isinstance(item, Item)]
    if len(here) == len(items):
        stylize_all(here, stylizer, job.options, watch)
        return
    from impasto.cli.stylize_cluster import work

    work(job, [item for item in items if isinstance(item, WorkItem)], stylizer, watch)


def _as_item(item: Item | WorkItem) -> Item:
    """Of this machine. Raises UsageError for a photo that is elsewhere."""
    if isinstance(item, Item):
        return item
    if is_url(item.source):
        raise UsageError(f"--dry-run looks into photos, which {item.source} would have to be fetched for")
    return Item(Path(item.source), Path(item.target))


def _check_masks_stay(job: StylizeJob, items: Sequence[Item | WorkItem]) -> None:
    named = [*job.regions, *([] if job.mask is None else [str(job.mask)])]
    masks = [Path(mask).resolve() for mask in named]
    for item in items:
        if Path(item.target).resolve() in masks:
            raise UsageError(f"{item.target} is a mask and would be overwritten: choose another name")


class _StylizeProgress:
    """Draws what was done, and counts it: a run that is stopped has no other summary."""

    def __init__(self, show: Show, total: int) -> None:
        self._show, self._total, self._started = show, total, time.monotonic()
        self.summary, self.seen = Summary(), 0
        self.notes: list[str] = []
        self.size = (0, 0)

    def __call__(self, event: Event) -> None:
        self.summary.add(event)
        self.seen += 1
        self.size = event.size
        self.notes += event.notes
        rate = self.summary.done / self.seconds
        failed = f", {len(self.summary.failed)} failed" if self.summary.failed else ""
        state = f"{self.seen}/{self._total}, {rate:.1f} images/s{failed}"
        self._show(self.seen / self._total, "stylizing", state)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started


def _report(
    job: StylizeJob, items: Sequence[Item | WorkItem], watch: _StylizeProgress, stopped: BaseException | None
) -> None:
    summary = watch.summary
    if not job.quiet:
        _tell(watch.notes)
    if stopped is None and len(items) == 1:
        _report_one(job, items[0], watch)
        return
    if summary.kept and not job.quiet:
        _tell([f"{path} was made otherwise and stays as it is" for path in summary.kept])
        warn("--overwrite makes such pictures again")
    for _, reason in summary.failed[:_MOST_LINES]:
        complain(reason)
    if (more := len(summary.failed) - _MOST_LINES) > 0:
        complain(f"and {more} more photos failed")
    if isinstance(stopped, KeyboardInterrupt):
        say(f"stopped: {_counts(watch)}; the same command goes on from there")
        raise typer.Exit(INTERRUPTED)
    if watch.seen and (stopped or not job.quiet):
        say(_counts(watch))
    if stopped:
        raise stopped
    if summary.failed:
        raise typer.Exit(1)


def _report_one(job: StylizeJob, item: Item | WorkItem, watch: _StylizeProgress) -> None:
    """A single photo: no statistics, and no other way to learn that its picture was not made."""
    if watch.summary.failed:
        complain(watch.summary.failed[0][1])
        raise typer.Exit(1)
    if watch.summary.kept:
        complain(f"{item.target} exists and was made otherwise: --overwrite makes it again")
        raise typer.Exit(1)
    height, width = watch.size
    if watch.summary.skipped and not job.quiet:
        say(f"{item.target} is there already, made in this way: --overwrite makes it again")
    elif not job.quiet:
        say(f"{item.target}: {width} x {height} pixels, stylized in {watch.seconds:.1f} s")


def _counts(watch: _StylizeProgress) -> str:
    summary = watch.summary
    parts = {
        "stylized": summary.done,
        "skipped": summary.skipped,
        "left as they were": len(summary.kept),
        "failed": len(summary.failed),
    }
    told = [f"{count} {what}" for what, count in parts.items() if count or what == "stylized"]
    return f"{', '.join(told)} in {watch.seconds:.{0 if watch.seconds >= 10 else 1}f} s"


def _tell(notes: Sequence[str]) -> None:
    for note in notes[:_MOST_LINES]:
        warn(note)
    if len(notes) > _MOST_LINES:
        warn(f"and {len(notes) - _MOST_LINES} more of that kind")

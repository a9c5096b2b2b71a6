"""`impasto watch`: a folder whose photos and clips are styled as they arrive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from impasto.cli.controls import FLAGS as HANDLE_FLAGS
from impasto.cli.controls import Mask, require_style
from impasto.cli.display import as_time, complain, counted, say, warn
from impasto.cli.error_handling import explained, stopping
from impasto.cli.flags import (
    DeviceFlag,
    HelpAll,
    PrecisionFlag,
    QuietFlag,
    RuntimeFlag,
    style_names,
    with_flags,
)
from impasto.cli.paint import parse_size
from impasto.stylizing.options import ImageOptions, StyleControls, VideoOptions

if TYPE_CHECKING:
    from impasto.stylizing.watching import FolderWatcher, WatchResult, WatchStyler


@explained()
@with_flags(StyleControls, HANDLE_FLAGS, "handles")
def watch(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Folder in which photos and clips arrive.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the results, and their log.")],
    *,
    style: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STYLE", autocompletion=style_names, help="Style name, picture or card file; repeatable."
        ),
    ] = None,
    strength: Annotated[float, typer.Option(metavar="NUMBER", help="Style strength, 0 (photo) to 1.")] = 1.0,
    handles: Mapping[str, Any],
    mask: Mask = None,
    size: Annotated[
        str, typer.Option(metavar="PIXELS", help="Long side in pixels, or 'original'.")
    ] = "original",
    interval: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            min=0.1,
            max=3600,
            help="Time between looks; a file must not change from one to the next.",
        ),
    ] = 2.0,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", metavar=" ", help="Replace results that exist.")
    ] = False,
    quiet: QuietFlag = False,
    help_all: HelpAll = False,
    runtime: RuntimeFlag = "auto",
    device: DeviceFlag = "auto",
    precision: PrecisionFlag = "auto",
) -> None:
    """Apply a style to photos and clips as they arrive in a folder, until Ctrl-C. Restarts repeat nothing."""
    require_style(style, {})
    images, videos = ImageOptions(size=parse_size(size)), VideoOptions(size=parse_size(size))
    controls = StyleControls(**handles)
    from impasto.atomic_files import only_writer
    from impasto.stylizing.stylizer import Stylizer  # brings torch, which --help need not wait for
    from impasto.stylizing.watching import FolderWatcher, WatchStyler

    watcher = FolderWatcher(source, out, overwrite=overwrite)
    stylizer = Stylizer(
        style,
        strength,
        mask=mask,
        device=device,  # type: ignore[arg-type]  # checked there
        precision=precision,  # type: ignore[arg-type]
        runtime=runtime,  # type: ignore[arg-type]
        **asdict(controls),
    )
    for note in () if quiet else stylizer.notes:
        warn(note)
    with only_writer(watcher.log):
        if not quiet:
            say(f"watching {source}; results and their log go to {out}; Ctrl-C stops it")
        _watch(watcher, WatchStyler(watcher, stylizer, images, videos), interval, quiet=quiet)


def _watch(watcher: FolderWatcher, styler: WatchStyler, interval: float, *, quiet: bool) -> None:
    """Look again and again until told to stop."""
    made = failed = 0
    was_there = True
    with stopping() as stop:
        try:
            while not stop.is_set():
                if was_there and not watcher.is_there:
                    warn("the folder that is watched is gone: waiting for it to come back")
                was_there = watcher.is_there
                for outcome in styler.look(stop):
                    failed, made = failed + bool(outcome.error), made + (not outcome.error)
                    _tell(outcome, quiet=quiet)
                stop.wait(interval)
        except KeyboardInterrupt:  # the second one
            pass
    if not quiet:
        say(f"stopped: {counted(made, 'result')}{f', {failed} failed' if failed else ''}")


def _tell(outcome: WatchResult, *, quiet: bool) -> None:
    if outcome.error:
        complain(outcome.error)
    elif not quiet:
        for note in outcome.notes:
            warn(note)
        say(f"{outcome.arrival.target}: {as_time(outcome.seconds)}")

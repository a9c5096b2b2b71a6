"""`impasto evaluate`: what can be asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from impasto.cli.error_handling import explained
from impasto.cli.evaluate_specs import EngineSpec, by_name, parse_engine
from impasto.cli.flags import EXPERT, Flag, HelpAll, with_flags
from impasto.errors import UsageError
from impasto.evaluation.options import Also, EvaluateOptions
from impasto.options import check_choice


@dataclass(frozen=True)
class EvaluateJob:
    """One call of the command, on pictures. `results` are folders by name."""

    photos: Path
    styles: Path
    results: Mapping[str, Path]
    engines: tuple[EngineSpec, ...]
    options: EvaluateOptions
    keep: Path
    pattern: str | None = None
    also: tuple[Also, ...] = ()
    compare: tuple[str, str] | None = None
    json: Path | None = None
    html: Path | None = None
    quiet: bool = False

    def __post_init__(self) -> None:
        if not self.results and not self.engines:
            raise UsageError(
                "there is nothing to evaluate: name a folder of pictures with --results, or --engine stylize"
            )
        names = {*self.results, *(spec.name for spec in self.engines)}
        for name in self.compare or ():
            if name not in (*names, "photo", "style", "colors"):
                raise UsageError(
                    f"there are no results called {name}: choose among {', '.join(sorted(names))}"
                )


@dataclass(frozen=True)
class ClipJob:
    """One call of the command, on videos. `styled` are clips by name."""

    styled: Mapping[str, Path]
    original: Path
    options: EvaluateOptions
    json: Path | None = None
    html: Path | None = None
    quiet: bool = False


FLAGS = {
    "size": Flag("Long side at which all is compared.", "PIXELS"),
    "backbone": Flag("Whose features: compact, vgg19, vgg16 or a weights file.", "NAME"),
    "resamples": Flag("Of the bootstrap.", "N", panel=EXPERT),
    "seed": Flag("Of the bootstrap: same seed, same intervals.", "N", panel=EXPERT),
    "device": Flag("Where to compute.", panel=EXPERT),
}


@explained()
@with_flags(EvaluateOptions, FLAGS)
def evaluate(
    *,
    photos: Annotated[Path | None, typer.Option(metavar="DIR", help="The photos.")] = None,
    styles: Annotated[Path | None, typer.Option(metavar="DIR", help="The style pictures.")] = None,
    results: Annotated[
        list[str] | None,
        typer.Option(metavar="[NAME=]DIR...", help="Pictures that are finished, named by photo and style."),
    ] = None,
    engine: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]ENGINE...",
            help="Make them: stylize or paint, perhaps with options, as in paint:strength=0.7.",
        ),
    ] = None,
    pattern: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="How results are named [dim](found out: {photo}-{style})[/dim]"),
    ] = None,
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="A B", help="Say in words which of two is better, and where that is open."),
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option(metavar="lpips|artfid...", help="Measure these, too; their weights are downloaded."),
    ] = None,
    given: Mapping[str, Any],
    json: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write all numbers, pair by pair, too.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a report with plot and pictures, too.")
    ] = None,
    keep: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Where pictures and numbers stay: a re-run goes on from there."),
    ] = Path("evaluation"),
    video: Annotated[
        list[str] | None,
        typer.Option(metavar="[NAME=]CLIP...", help="Or a styled video, whose flicker is measured."),
    ] = None,
    original: Annotated[Path | None, typer.Option(metavar="CLIP", help="What it was made from.")] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", metavar=" ", help="Print nothing but errors.")
    ] = False,
    help_all: HelpAll = False,
) -> None:
    """Measure style and content of finished pictures, beside controls, with intervals."""
    options = EvaluateOptions(**given)
    if video or original:
        if not video or not original or photos or styles or results or engine:
            raise UsageError("for a video, give --video and --original, and no photos, styles or results")
        from impasto.cli.evaluate_clips import (
            run as run_clips,
        )  # brings torch, which --help need not wait for

        run_clips(ClipJob(by_name(video, "--video"), original, options, json, html, quiet))
        return
    if photos is None or styles is None:
        raise UsageError("name the folders of photos and styles: --photos DIR --styles DIR")
    for name in also or ():
        check_choice("--also", name, Also)
    job = EvaluateJob(
        photos=photos,
        styles=styles,
        results=by_name(results or [], "--results"),
        engines=tuple(map(parse_engine, engine or ())),
        options=options,
        keep=keep,
        pattern=pattern,
        also=tuple(also or ()),  # type: ignore[arg-type]  # checked above
        compare=compare,
        json=json,
        html=html,
        quiet=quiet,
    )
    from impasto.cli.evaluate_run import run

    run(job)

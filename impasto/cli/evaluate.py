"""`impasto evaluate`: finished pictures and videos, measured beside controls."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from impasto.cli.display import Show, as_time, complain, download, plain, progress, say, warn
from impasto.cli.error_handling import INTERRUPTED, explained
from impasto.cli.flags import EXPERT, Flag, HelpAll, QuietFlag, with_flags
from impasto.errors import UsageError
from impasto.evaluation.options import Also, EngineName, EngineSpec, EvaluateOptions
from impasto.options import check_choice, check_range
from impasto.painting.options import PaintOptions
from impasto.safe_paths import exists, is_file
from impasto.stylizing.options import StyleControls
from impasto.stylizing.runtime import RuntimeName

if TYPE_CHECKING:
    from impasto.evaluation.measuring import Method
    from impasto.evaluation.metrics import StyleMetrics
    from impasto.evaluation.outcome import Outcome
    from impasto.evaluation.published import ArtFid
    from impasto.evaluation.warping import Flicker

_NUMBERS = "measured.jsonl"
_WORKER = "impasto.cli.evaluate_worker"
_MOST_LINES = 10
_OURS = ("size", "device")  # options of engines that the evaluation itself decides

FLAGS = {
    "size": Flag("Long side of the compared pictures, in pixels.", "PIXELS"),
    "backbone": Flag("Feature network: compact, vgg19, vgg16 or a weights file.", "NAME"),
    "resamples": Flag("Resamples of the bootstrap.", "N", panel=EXPERT),
    "seed": Flag("Random seed of the bootstrap; same seed, same intervals.", "N", panel=EXPERT),
    "device": Flag("Device to compute on.", panel=EXPERT),
}


@explained()
@with_flags(EvaluateOptions, FLAGS)
def evaluate(
    *,
    photos: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of photos.")] = None,
    styles: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of style pictures.")] = None,
    results: Annotated[
        list[str] | None,
        typer.Option(metavar="[NAME=]DIR...", help="Folder of finished pictures, named by photo and style."),
    ] = None,
    engine: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]ENGINE...",
            help="Make the pictures: stylize or paint, e.g. paint:strength=0.7.",
        ),
    ] = None,
    pattern: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT", help="Pattern of the names of results, e.g. {photo}-{style} [dim](detected)[/dim]"
        ),
    ] = None,
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="A B", help="Say which of two results is better, or that it is open."),
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option(metavar="lpips|artfid...", help="Also measure these; downloads their weights."),
    ] = None,
    given: Mapping[str, Any],
    json: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write all numbers, pair by pair, as JSON.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write a report with plot and pictures.")
    ] = None,
    keep: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Folder of pictures and numbers, which a re-run continues."),
    ] = Path("evaluation"),
    video: Annotated[
        list[str] | None,
        typer.Option(metavar="[NAME=]CLIP...", help="Styled video to measure the flicker of."),
    ] = None,
    original: Annotated[Path | None, typer.Option(metavar="CLIP", help="Original video of --video.")] = None,
    quiet: QuietFlag = False,
    help_all: HelpAll = False,
) -> None:
    """Measure style and content of pictures, beside controls, with confidence intervals."""
    options = EvaluateOptions(**given)
    if video or original:
        if not video or not original or photos or styles or results or engine:
            raise UsageError(
                "to measure a video, give --video and --original only, no photos, styles, results or engine"
            )
        _evaluate_clips(by_name(video, "--video"), original, options, json, html, quiet=quiet)
        return
    if photos is None or styles is None:
        raise UsageError("missing --photos or --styles: evaluate needs --photos DIR --styles DIR")
    for name in also or ():
        check_choice("--also", name, Also)
    folders = by_name(results or [], "--results")
    specs = [parse_engine(text) for text in engine or ()]
    _check_methods([*folders, *(spec.name for spec in specs)], compare)
    _check_targets(json, html)
    from impasto.evaluation import report  # these bring torch, which --help need not wait for
    from impasto.evaluation.pictures import list_pictures
    from impasto.evaluation.published import measure_artfid

    files = list_pictures(photos), list_pictures(styles)
    yardstick, artfid, notes = _load_metrics(options, also or (), quiet=quiet)
    finished, told = _match(folders, *files, pattern)
    try:
        made, failures = _make(specs, *files, options, keep, quiet=quiet)
        methods = [*finished, *made]
        outcome = _measure(*files, methods, yardstick, options, keep, quiet=quiet)
        outcome = replace(
            outcome,
            failures=(*failures, *outcome.failures),
            notes=(*notes, *told, *outcome.notes),
        )
        if artfid:
            outcome = replace(outcome, artfid=measure_artfid(*files, methods, outcome, artfid))
    except KeyboardInterrupt as error:
        say(f"stopped; finished work is kept in {keep}, and the same command continues")
        raise typer.Exit(INTERRUPTED) from error
    _tell(outcome, compare, quiet=quiet)
    if json:
        _write(json, report.as_json(outcome, compare))
    if html:
        _write(html, report.as_html(outcome, *files, methods, compare))
    _tell_written(json, html, quiet=quiet)
    if outcome.failures:
        raise typer.Exit(1)


def parse_named(text: str) -> tuple[str, Path]:
    """Name and path of `mine=DIR`, or of `DIR`, which gives its own name; a path of that very name wins."""
    name, _, path = text.partition("=")
    if path and not exists(text):
        return name, Path(path)
    return Path(text).resolve().stem if is_file(text) else Path(text).resolve().name, Path(text)


def by_name(texts: list[str], flag: str) -> dict[str, Path]:
    """Parse all values of one flag. Raises UsageError for duplicate names."""
    named: dict[str, Path] = {}
    for name, path in map(parse_named, texts):
        if name in named:
            raise UsageError(
                f"two {flag} have the name {name}: give one another name, e.g. {flag} mine={path}"
            )
        named[name] = path
    return named


def parse_engine(text: str) -> EngineSpec:
    """Of `stylize`, `paint:strength=0.7,iterations=30` or `bold=stylize:strength=1`.

    Raises UsageError for an unknown engine or option, or for what an option cannot be.
    """
    head, _, rest = text.partition(":")
    name, _, engine = head.rpartition("=")
    check_choice("an engine", engine, EngineName)
    options = dict(map(_parse_option, filter(None, rest.split(","))))
    known = _known_options(engine)
    for option in options:
        if option not in known:
            raise UsageError(f"{engine} has no option {option}: choose among {', '.join(known)}")
    _check(engine, options)
    told = " ".join([engine, *(f"{option}={value}" for option, value in options.items())])
    return EngineSpec(name or told, engine, options)  # type: ignore[arg-type]  # checked above


def _known_options(engine: str) -> tuple[str, ...]:
    if engine == "paint":
        return tuple(option.name for option in fields(PaintOptions) if option.name not in _OURS)
    return ("strength", *(handle.name for handle in fields(StyleControls)), "runtime", "precision")


def _check(engine: str, options: Mapping[str, Any]) -> None:
    if engine == "paint":
        PaintOptions(**options)
        return
    handles = {handle.name for handle in fields(StyleControls)}
    StyleControls(**{name: value for name, value in options.items() if name in handles})
    check_range("strength", options.get("strength", 1.0), 0, 1)
    check_choice("runtime", options.get("runtime", "auto"), RuntimeName)


def _parse_option(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"{text} is not an option of an engine: write NAME=VALUE, e.g. stylize:strength=0.8")
    return name.strip().replace("-", "_"), _parse_value(value.strip())


def _parse_value(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _check_methods(names: Collection[str], compare: tuple[str, str] | None) -> None:
    if not names:
        raise UsageError(
            "missing --results or --engine: name a folder of pictures with --results, or --engine stylize"
        )
    for name in compare or ():
        if name not in (*names, "photo", "style", "colors"):
            raise UsageError(
                f"there are no results with the name {name}: choose among {', '.join(sorted(set(names)))}"
            )


def _check_targets(*paths: Path | None) -> None:
    from impasto.imaging.files import check_target

    for path in paths:
        if path is not None:
            check_target(path)


def _load_metrics(
    options: EvaluateOptions, also: Collection[str], *, quiet: bool
) -> tuple[StyleMetrics, ArtFid | None, list[str]]:
    """Load the metrics, and notes about those that are missing."""
    from impasto import backbones
    from impasto.device import resolve_device
    from impasto.evaluation.metrics import StyleMetrics
    from impasto.evaluation.published import ArtFid, load_likenesses

    device = resolve_device(options.device)
    likenesses, notes = load_likenesses(also, device)
    artfid = ArtFid(device) if "artfid" in also else None
    with download(quiet) as here:
        backbone = backbones.load(options.backbone, on_progress=here)
    return StyleMetrics(backbone.to(device), likenesses), artfid, notes


def _match(
    folders: Mapping[str, Path],
    photos: Mapping[str, Path],
    styles: Mapping[str, Path],
    pattern: str | None,
) -> tuple[list[Method], list[str]]:
    """The folders of results, and what is to be told of them."""
    from impasto.evaluation.measuring import Method
    from impasto.evaluation.pictures import match_results

    found = {name: match_results(folder, [*photos], [*styles], pattern) for name, folder in folders.items()}
    methods = [Method(name, results.pictures) for name, results in found.items()]
    return methods, [note for results in found.values() for note in results.notes]


def _make(
    specs: Sequence[EngineSpec],
    photos: Mapping[str, Path],
    styles: Mapping[str, Path],
    options: EvaluateOptions,
    keep: Path,
    *,
    quiet: bool,
) -> tuple[list[Method], list[str]]:
    """Collect the engines' pictures, new and old, and the reasons for missing ones."""
    from impasto.evaluation.engines import make, plan

    plans = [plan(spec, photos, styles, options, keep) for spec in specs]
    folders = [making.folder for making in plans]
    if len(set(folders)) < len(folders):
        raise UsageError(
            "two engines have the same name: give one another name, e.g. soft=stylize:strength=0.5"
        )
    with progress(quiet, clock=False) as show:
        watch = _EvaluateProgress(show, sum(len(making.todo) for making in plans))
        for making in plans:
            watch.doing = f"making {making.spec.name}"
            with making.store:
                make(making, _WORKER, watch.step)
    failures = dict.fromkeys(text for making in plans for text in making.failures)
    return [making.method() for making in plans], [*failures]


def _measure(
    photos: Mapping[str, Path],
    styles: Mapping[str, Path],
    methods: Sequence[Method],
    yardstick: StyleMetrics,
    options: EvaluateOptions,
    keep: Path,
    *,
    quiet: bool,
) -> Outcome:
    from impasto.evaluation.measuring import MeasurementStore, measure

    with MeasurementStore(keep / _NUMBERS) as store, progress(quiet, clock=False) as show:
        watch = _EvaluateProgress(show, 0, "measuring")
        return measure(photos, styles, methods, yardstick, options, store=store, on_picture=watch.at)


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


def _tell(outcome: Outcome, compare: tuple[str, str] | None, *, quiet: bool) -> None:
    from impasto.evaluation import summary

    for sentence in outcome.failures[:_MOST_LINES]:
        complain(sentence)
    if (more := len(outcome.failures) - _MOST_LINES) > 0:
        complain(f"and {more} more of that kind")
    if quiet:
        outcome.rows  # noqa: B018  # raises where there is nothing to tell
        return
    for note in outcome.notes:
        warn(note)
    console = Console(highlight=False)
    console.print(_as_table(outcome))
    for sentence in ("", summary.basis(outcome), summary.legend(), *summary.remarks(outcome)):
        console.print(plain(sentence), markup=False)
    for sentence in ("", *summary.verdict(outcome, *compare)) if compare else ():
        console.print(plain(sentence), markup=False)


def _as_table(outcome: Outcome) -> Table:
    """Contenders, and below a line the controls."""
    from impasto.evaluation.summary import cells, headings

    table = _empty_table(headings(outcome))
    for row, after in zip(outcome.rows, (*outcome.rows[1:], None), strict=True):
        (name, _), *numbers = cells(outcome, row)
        style = "dim" if row.control else ""
        table.add_row(Text(plain(name)), *(_two_lines(*cell) for cell in numbers), style=style)
        if after and after.control and not row.control:
            table.add_row("")
    return table


def _empty_table(headings: Iterable[str]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for heading in headings:
        table.add_column(Text(heading), justify="right" if heading else "left", overflow="fold")
    return table


def _two_lines(number: str, interval: str) -> Text:
    """A cell: what stands below is fainter."""
    number = plain(number)
    return Text(number) if not interval else Text.assemble(number, "\n", (interval, "dim"))


def _evaluate_clips(
    paths: Mapping[str, Path],
    original: Path,
    options: EvaluateOptions,
    json: Path | None,
    html: Path | None,
    *,
    quiet: bool,
) -> None:
    """How much videos flicker, beside the clip that they were made from."""
    from impasto.evaluation import report
    from impasto.evaluation.warping import CLIP_CONTROLS, compare_clips
    from impasto.imaging.video.open import open_clip

    _check_targets(json, html)
    for name in paths:
        if name in CLIP_CONTROLS:
            raise UsageError(f"{name} is the name of a control: give the clip another name, e.g. mine=CLIP")
    photos = open_clip(original)
    styled = {name: open_clip(path) for name, path in paths.items()}
    frames = photos.info.frames or 0
    with progress(quiet) as show:
        found = compare_clips(
            photos,
            styled,
            resamples=options.resamples,
            seed=options.seed,
            on_frame=lambda n: show(min(1.0, n / max(n, frames)), "measuring", f"{n} frames"),
        )
    if not quiet:
        _tell_flicker(found)
    if json:
        _write(json, report.flicker_as_json(found, original))
    if html:
        _write(html, report.flicker_as_html(found))
    _tell_written(json, html, quiet=quiet)


def _tell_flicker(found: Sequence[Flicker]) -> None:
    from impasto.evaluation.summary import FLICKER_BASIS, FLICKER_HEADINGS, flicker_cells

    for note in (note for flicker in found for note in flicker.notes):
        warn(note)
    table = _empty_table(FLICKER_HEADINGS)
    for flicker in found:
        cells = [_two_lines(*cell) for cell in flicker_cells(flicker)]
        table.add_row(*cells, style="dim" if flicker.control else "")
    console = Console(highlight=False)
    console.print(table)
    console.print(f"\n{FLICKER_BASIS}", markup=False)


def _write(path: Path, text: str) -> None:
    """Whole or not at all. Raises ImageError."""
    from impasto.imaging.files import replacing

    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _tell_written(*paths: Path | None, quiet: bool) -> None:
    written = [str(path) for path in paths if path]
    if written and not quiet:
        say(f"written: {', '.join(written)}")

"""`impasto stylize`: styles applied to photos, here or by the workers of a cluster."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Annotated, Any

import typer

from impasto import styles
from impasto.cli.controls import FLAGS, Mask, RegionFlags, parse_regions, require_style
from impasto.cli.display import Show, complain, progress, say, warn
from impasto.cli.error_handling import INTERRUPTED, explained
from impasto.cli.flags import (
    EXPERT,
    BitDepthFlag,
    DeviceFlag,
    HelpAll,
    MaxPixelsFlag,
    PrecisionFlag,
    QualityFlag,
    QuietFlag,
    StripMetadataFlag,
    SuffixFlag,
    panel,
    parse_bit_depth,
    parse_megapixels,
    style_names,
    with_flags,
)
from impasto.cli.outputs import check_apart
from impasto.cli.paint import parse_size, parse_tile
from impasto.device import DeviceName
from impasto.errors import ImageError, ImpastoError, UsageError
from impasto.stylizing.batch.filesystems import is_url
from impasto.stylizing.options import BulkOptions, StyleControls
from impasto.stylizing.runtime import MANY, runtime_for

if TYPE_CHECKING:
    from impasto.stylizing.batch.dispatcher import CompletedItems
    from impasto.stylizing.batch.inputs import Item, WorkItem
    from impasto.stylizing.batch.pipeline import Event
    from impasto.stylizing.batch.workers import PictureBytes, StylizerConfig

    Work = Callable[[Callable[[Event], None]], object]  # does it all, and reports each picture

_MOST_LINES = 20
_MANY_WORKERS = 64  # that a cluster of unknown size is taken to have, when work is parted


def split_inputs(inputs: list[str], named: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Photos and styles: in `--style a:0.6 b:0.4` the second one arrives among the photos.

    Raises UsageError where no photo is left.
    """
    photos = tuple(text for text in inputs if not styles.is_style(text))
    if not photos:
        raise UsageError(f"{', '.join(inputs)} names only styles: add a photo")
    return photos, (*named, *(text for text in inputs if styles.is_style(text)))


@explained()
@with_flags(StyleControls, FLAGS, "handles")
def stylize(
    *,
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT",
            help="Photos, folders with their subfolders, patterns such as 'in/**/*.jpg', URLs such as s3://...",
        ),
    ],
    out: Annotated[
        str,
        typer.Option("--out", "-o", metavar="OUT", help="Output folder; for one photo also a picture file."),
    ],
    style: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STYLE...",
            autocompletion=style_names,
            help="Style name (impasto styles lists them), picture or card file; several with weights: "
            "starry-night:0.6 wave.jpg:0.4.",
        ),
    ] = None,
    strength: Annotated[float, typer.Option(metavar="NUMBER", help="Style strength, 0 (photo) to 1.")] = 1.0,
    refine: Annotated[
        int, typer.Option(metavar="N", min=0, help="Painting steps after the network: slower, more style.")
    ] = 0,
    handles: Mapping[str, Any],
    mask: Mask = None,
    size: Annotated[
        str, typer.Option(metavar="PIXELS", help="Long side in pixels, or 'original'.")
    ] = "original",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", metavar=" ", help="Replace pictures that exist.")
    ] = BulkOptions.overwrite,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", metavar=" ", help="Only print what would be made, and its memory.")
    ] = False,
    quiet: QuietFlag = False,
    help_all: HelpAll = False,
    region: RegionFlags = None,
    suffix: SuffixFlag = BulkOptions.suffix,
    bit_depth: BitDepthFlag = "auto",
    quality: QualityFlag = BulkOptions.quality,
    strip_metadata: StripMetadataFlag = BulkOptions.strip_metadata,
    max_pixels: MaxPixelsFlag = None,
    device: DeviceFlag = "auto",
    precision: PrecisionFlag = "auto",
    tile: Annotated[
        str,
        typer.Option(
            metavar="auto|off|PIXELS",
            help="Side of the tiles, which save memory; auto uses them where a picture would take over 1 GB.",
            **panel(EXPERT),
        ),
    ] = "auto",
    runtime: Annotated[
        str,
        typer.Option(
            metavar="auto|torch|openvino|onnxruntime",
            help=f"Inference library; auto is torch for fewer than {MANY} photos, and for more the fastest "
            "one that pip install 'impasto\\[fast]' added, which needs seconds to start.",
            **panel(EXPERT),
        ),
    ] = "auto",
    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="auto|ADDRESS",
            help="Share the photos among processes of this machine (auto), or a Ray cluster (ADDRESS).",
            **panel(EXPERT),
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Workers of --cluster [dim](one per processor, or per GPU)[/dim]",
            **panel(EXPERT),
        ),
    ] = None,
) -> None:
    """Apply a style to photos: a trained style or any picture. A repeated run skips finished photos."""
    photos, names = split_inputs(inputs, style or [])
    regions = parse_regions(region)
    require_style(names, regions)
    if workers and not cluster:
        raise UsageError("--workers needs --cluster: add --cluster auto")
    options = BulkOptions(
        size=parse_size(size),
        bit_depth=parse_bit_depth(bit_depth),
        quality=quality,
        strip_metadata=strip_metadata,
        max_pixels=parse_megapixels(max_pixels),
        tile=parse_tile(tile),  # type: ignore[arg-type]  # checked there
        suffix=suffix,
        overwrite=overwrite,
    )
    controls = StyleControls(**handles)
    from impasto.stylizing.batch.dispatcher import CompletedItems
    from impasto.stylizing.batch.inputs import collect, collect_work_items, count_kinds, is_picture
    from impasto.stylizing.batch.pipeline import (
        stylize_all,  # these bring torch, which --help need not wait for
    )
    from impasto.stylizing.stylizer import Stylizer

    away = cluster is not None or any(is_url(name) for name in (*photos, out))
    unreadable: dict[Path, str] = {}  # folders
    passed_over: list[PurePath] = []
    tell = unreadable.__setitem__, passed_over.append
    work_items = collect_work_items(photos, out, options, *tell) if away else []
    here = [] if away else collect(photos, out, options, *tell)
    items: list[Item | WorkItem] = [*here, *work_items]
    masks = [Path(one) for one in (*regions, mask) if one is not None]
    check_apart((Path(item.target) for item in items), masks, "a mask")
    if away and refine:
        raise UsageError("--refine works on this machine only: leave out --cluster, and name local files")
    stylizer = Stylizer(
        list(names) or None,
        strength,
        mask=mask,
        region=regions,
        device="cpu" if away else device,  # type: ignore[arg-type]  # checked there
        precision=precision,  # type: ignore[arg-type]
        refine=refine,
        runtime="torch" if away else runtime_for(runtime, len(items)),  # type: ignore[arg-type]
        **asdict(controls),
    )
    told = [*stylizer.notes]
    if not quiet:
        _tell(told)
    if dry_run:
        from impasto.cli.dry_run import describe_stylizing  # brings all that paints, too

        describe_stylizing([_as_item(item) for item in items], stylizer, options)
        _tell([*unreadable.values()])
        _tell(_suffixes_kept(items))
        _tell([f"skips {path}: its suffix is not one of a picture" for path in passed_over])
        return
    work: Work = partial(stylize_all, here, stylizer, options)
    if away:
        config = _pack(
            names,
            mask,
            regions,
            strength=strength,
            controls=controls,
            device=device,
            precision=precision,
            runtime=runtime,
        )
        completed = CompletedItems(
            out if is_url(out) and not is_picture(out) else None, stylizer.record(), options
        )
        work = partial(_dispatch, work_items, completed, config, options, cluster, workers)
    watch, stopped = _watch(work, len(items), quiet=quiet)
    watch.notes += [note for note in stylizer.notes if note not in told]  # on masks
    watch.summary.failed += unreadable.items()
    watch.notes += _suffixes_kept(items)
    if not quiet:
        _tell(watch.notes)
    if passed_over and not quiet:
        warn(f"files skipped: {count_kinds(passed_over)}; --dry-run names them")
    _report(items, unreadable, watch, stopped, quiet=quiet)


def _suffixes_kept(items: Sequence[Item | WorkItem]) -> list[str]:
    """A note on photos that differ in their suffixes alone."""
    from impasto.stylizing.batch.inputs import keeps_suffix

    names = [Path(item.target).name for item in items if keeps_suffix(Path(item.source), Path(item.target))]
    if not names:
        return []
    others = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return [f"photos that differ only in their suffix keep it in the output's name: {names[0]}{others}"]


def _pack(
    names: Sequence[str], mask: Path | None, regions: Mapping[str, list[str]], **settings: Any
) -> StylizerConfig:
    """The configuration of workers, with the files that it names."""
    from impasto.styles.mixture import load_styles
    from impasto.stylizing.batch.workers import StylizerConfig

    return StylizerConfig(
        styles=load_styles(list(names)) if names else (),
        mask=None if mask is None else _read_picture(mask),
        regions=tuple((_read_picture(one), load_styles(styles)) for one, styles in regions.items()),
        **settings,
    )


def _read_picture(path: object) -> PictureBytes:
    from impasto.stylizing.batch.workers import PictureBytes

    try:
        return PictureBytes.read(str(path))
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror or error}") from error


def _dispatch(
    items: Sequence[WorkItem],
    completed: CompletedItems,
    config: StylizerConfig,
    options: BulkOptions,
    cluster: str | None,
    workers: int | None,
    on_event: Callable[[Event], None],
) -> None:
    """Have workers do what is left to do. Raises what `Dispatcher.work` raises."""
    from impasto.stylizing.batch.dispatcher import Dispatcher, make_pool
    from impasto.stylizing.batch.pools import processors
    from impasto.stylizing.batch.workers import Task

    dispatcher = Dispatcher(items, completed, on_event)
    left = dispatcher.skip_completed()
    size = _pool_size(cluster, workers, left, config.device)
    config = replace(config, runtime=runtime_for(config.runtime, left // size))
    task = Task(config, options, max(1, processors() // size))
    dispatcher.work(make_pool(cluster, workers or (size if cluster == "auto" else None)), task, size)


def _pool_size(cluster: str | None, workers: int | None, photos: int, device: DeviceName) -> int:
    """Return the number of workers, as far as it is known."""
    from impasto.stylizing.batch.pools import default_size

    if cluster is None:
        return 1
    wanted = workers or (default_size(device) if cluster == "auto" else _MANY_WORKERS)
    return max(1, min(wanted, photos))


def _watch(
    work: Work, total: int, *, quiet: bool
) -> tuple[_StylizeProgress, KeyboardInterrupt | ImpastoError | None]:
    """Do the work below a progress bar; gives what was done, and what stopped it before its end."""
    with progress(quiet or total == 1) as show:
        watch = _StylizeProgress(show, total)
        try:
            show(0.0, "stylizing", f"0/{total}")
            work(watch)
        except (KeyboardInterrupt, ImpastoError) as error:
            return watch, error
    return watch, None


def _as_item(item: Item | WorkItem) -> Item:
    """Of this machine. Raises UsageError for a photo that is elsewhere."""
    from impasto.stylizing.batch.inputs import Item

    if isinstance(item, Item):
        return item
    if is_url(item.source):
        raise UsageError(f"--dry-run reads local photos only: leave it out, or download {item.source}")
    return Item(Path(item.source), Path(item.target))


class _StylizeProgress:
    """Draws what was done, and counts it: a run that is stopped has no other summary."""

    def __init__(self, show: Show, total: int) -> None:
        from impasto.stylizing.batch.pipeline import Summary

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
    items: Sequence[Item | WorkItem],
    unreadable: Mapping[Path, str],
    watch: _StylizeProgress,
    stopped: BaseException | None,
    *,
    quiet: bool,
) -> None:
    summary = watch.summary
    if stopped is None and len(items) == 1 and not unreadable:
        _report_one(items[0], watch, quiet=quiet)
        return
    if summary.kept and not quiet:
        _tell([f"{path} was made with other inputs or options, and was kept" for path in summary.kept])
        warn("--overwrite replaces such pictures")
    for _, reason in summary.failed[:_MOST_LINES]:
        complain(reason)
    if (more := len(summary.failed) - _MOST_LINES) > 0:
        complain(f"and {more} more photos failed")
    if isinstance(stopped, KeyboardInterrupt):
        say(f"stopped: {_counts(watch)}; the same command goes on from there")
        raise typer.Exit(INTERRUPTED)
    if watch.seen and (stopped or not quiet):
        say(_counts(watch))
    if stopped:
        raise stopped
    if summary.failed:
        raise typer.Exit(1)


def _report_one(item: Item | WorkItem, watch: _StylizeProgress, *, quiet: bool) -> None:
    """A single photo: no statistics, and no other way to learn that its picture was not made."""
    if watch.summary.failed:
        complain(watch.summary.failed[0][1])
        raise typer.Exit(1)
    if watch.summary.kept:
        complain(f"{item.target} exists, made with other inputs or options: replace it with --overwrite")
        raise typer.Exit(1)
    height, width = watch.size
    if watch.summary.skipped and not quiet:
        say(f"{item.target} exists, made with the same inputs and options; --overwrite makes it again")
    elif not quiet:
        say(f"{item.target}: {width} x {height} pixels, stylized in {watch.seconds:.1f} s")


def _counts(watch: _StylizeProgress) -> str:
    summary = watch.summary
    parts = {
        "stylized": summary.done,
        "skipped": summary.skipped,
        "kept": len(summary.kept),
        "failed": len(summary.failed),
    }
    told = [f"{count} {what}" for what, count in parts.items() if count or what == "stylized"]
    return f"{', '.join(told)} in {watch.seconds:.{0 if watch.seconds >= 10 else 1}f} s"


def _tell(notes: Sequence[str]) -> None:
    for note in notes[:_MOST_LINES]:
        warn(note)
    if len(notes) > _MOST_LINES:
        warn(f"and {len(notes) - _MOST_LINES} more of that kind")

"""Output of --dry-run: everything that follows from the options, before any work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from impasto.backbones.vgg import needed_download
from impasto.cli.display import as_time, plain, warn
from impasto.device import resolve_device, resolve_precision
from impasto.painting.base import BasePainter
from impasto.perception import resolve_layers

if TYPE_CHECKING:
    from impasto.stylizing.batch.inputs import Item
    from impasto.stylizing.options import ImageOptions
    from impasto.stylizing.stylizer import Stylizer
    from impasto.stylizing.video_plan import VideoPlan
    from impasto.training.options import TrainOptions
    from impasto.training.photos import Photos

_GB = 2**30


def describe(painter: BasePainter) -> None:
    """Print the resolved options, the ladder and the cost. Raises MemoryLimitError if it would not fit."""
    console = Console(highlight=False)
    console.print(_table(_resolved(painter)))
    console.print()
    for scale in painter.scales:
        height, width = scale.size
        console.print(f"{width:>6} x {height:<6} {scale.iterations:>5} iterations")
    side = painter.tile
    tiled = f", in tiles of {side} pixels" if side and side < max(painter.size) else ""
    console.print(f"\nmemory  about {painter.memory() / _GB:.1f} GB{tiled}")
    painter.steps()  # checks the memory, and works only when iterated
    console.print(f"time    about {as_time(painter.seconds())}")


def describe_stylizing(items: Sequence[Item], stylizer: Stylizer, options: ImageOptions) -> None:
    """Print what is to be made, and what the largest picture takes. Raises ImageError for a broken photo."""
    from impasto.stylizing.images import plan  # which a painting has no use for

    plans = [plan(item, stylizer, options) for item in items]
    most = max(plans, key=lambda one: (one.memory, prod(one.size)))
    height, width = most.size
    rows = {
        "pictures": str(len(items)),
        "style": stylizer.name,
        "strength": f"{stylizer.strength:g}",
        "device": str(stylizer.device),
        "precision": str(stylizer.dtype).removeprefix("torch."),
        "size": f"{width} x {height}" if len(items) == 1 else f"up to {width} x {height}",
        "tile": "off" if most.tile is None else f"{most.tile} x {most.tile}",
        **{name: str(value) for name, value in stylizer.finish.controls.record().items()},
    }
    console = Console(highlight=False)
    console.print(_table(rows))
    console.print(f"\nmemory  about {most.memory / _GB:.2f} GB")


def describe_video(plan: VideoPlan) -> None:
    """Print what is to be made of which streams, and what it takes."""
    height, width = plan.info.size
    length = "" if plan.length is None else f" of {plan.length:.1f} s"
    rows = {
        "frames": "unknown" if plan.frames is None else f"{plan.frames}{length}",
        "size": f"{width} x {height}",
        "rate": f"{float(plan.info.rate):.4g} a second",
        **({"codec": plan.codec} if plan.codec else {}),
    }
    console = Console(highlight=False)
    console.print(_table(rows))
    if plan.streams:
        streams = Table.grid(padding=(0, 2))
        for stream in plan.streams:
            streams.add_row(Text(plain(stream.name)), Text(stream.becomes))
        console.print()
        console.print(streams)
    if plan.memory is not None:
        console.print(f"\nmemory  about {plan.memory / _GB:.2f} GB")
    if plan.size is not None and plan.seconds is not None:
        twice = ", and as much again while its parts are joined" if plan.codec else ""
        console.print(f"disk    about {_as_size(plan.size)}{twice}")
        console.print(f"time    about {as_time(plan.seconds)}")
    for note in plan.notes:
        warn(note)


def describe_training(style: Path, options: TrainOptions, photos: Photos, start: str | None) -> None:
    """Print the resolved options, and what a training takes, from a few of its steps."""
    from impasto.training.train import estimate_training

    device = resolve_device(options.device)
    values: dict[str, Any] = {field.name: getattr(options, field.name) for field in fields(options)}
    values |= {"photos": photos.description, "style": style, "start": start or "by network"}
    values |= {
        "device": device,
        "precision": str(resolve_precision(options.precision, device)).removeprefix("torch."),
    }
    if options.steps is not None:
        del values["minutes"]
    rows = {name: _as_option(value) for name, value in values.items() if value is not None}
    console = Console(highlight=False)
    console.print(_table(rows))
    missing = needed_download(options.backbone)
    if missing:
        size = f"{missing.size / 1e6:.0f} MB"
        warn(f"training would first download {missing.name}, {size}, from {missing.url}")
        return
    cost = estimate_training(style, options, photos)
    if cost.memory is not None:
        console.print(f"\nmemory  about {cost.memory / _GB:.2f} GB, without the processes that read photos")
    console.print(f"disk    about {_as_size(cost.size)}, most of it only while it runs")
    console.print(f"time    about {as_time(cost.seconds)}, for {cost.steps} steps")


def _as_option(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return _as_list(value) if value and isinstance(value[0], tuple) else ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _as_size(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{max(0.1, size / 1e6):.1f} MB"


def _table(rows: Mapping[str, str]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, value in rows.items():
        table.add_row(Text(name.replace("_", "-"), style="bold"), Text(plain(value)))
    return table


def _resolved(painter: BasePainter) -> dict[str, str]:
    """Every option as text; where it was left open, what it comes to."""
    options = painter.options
    content, style = resolve_layers(painter.backbone, options.content_layers, options.style_layers)
    content_weight, style_weight, tv_weight = options.weights
    height, width = painter.size
    values: dict[str, Any] = {field.name: getattr(options, field.name) for field in fields(options)}
    values |= {
        "size": f"{width} x {height}",
        "scales": ", ".join(str(max(scale.size)) for scale in painter.scales),
        "content_layers": _as_list(content),
        "style_layers": _as_list(style),
        "content_weight": f"{content_weight:g}",
        "style_weight": f"{style_weight:g}",
        "tv_weight": f"{tv_weight:g}",
        "learning_rate": f"{options.step_length:g}",
        "device": painter.device,
        "precision": str(painter.dtype).removeprefix("torch."),
        "normalize": "yes" if options.normalize else "no",
    }
    if not options.normalize:
        del values["strength"]  # plain errors have weights instead
    return {name: str(value) for name, value in values.items()}


def _as_list(layers: tuple[tuple[str, float], ...]) -> str:
    return ", ".join(name if weight == 1 else f"{name}={weight:g}" for name, weight in layers)

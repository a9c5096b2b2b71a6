"""What coarse to fine and the recolored start are worth: the objective by gradients, and by seconds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from statistics import mean
from typing import Any

import torch

from benchmarks import plots
from benchmarks.objectives import full_size
from benchmarks.report import console, print_table
from benchmarks.settings import Pair, Settings
from impasto import Painter, PaintOptions
from impasto.imaging.geometry import resize

MOST_PAIRS = 3
POINTS = 40
WAYS: dict[str, dict[str, Any]] = {
    "recolored": {},
    "ladder": {"init": "photo"},
    "single": {"init": "photo", "scales": 1},
}

Points = list[dict[str, float]]


def run(settings: Settings) -> dict[str, Any]:
    """The default, and two ways from the photo; means over the pairs."""
    pairs = settings.chosen()[:MOST_PAIRS]
    curves: dict[str, dict[str, Points]] = {way: {} for way in WAYS}
    for pair in pairs:
        for way, changes in WAYS.items():
            console.print(f"curve: {pair.name}, {way}", style="dim")
            curves[way][pair.name] = list(_points(pair, replace(settings.options, **changes)))
    means = {way: _mean_points(list(by_pair.values())) for way, by_pair in curves.items()}
    finals = [_final(pair.name, *(curves[way][pair.name] for way in WAYS)) for pair in pairs]
    finals.append(_final("mean", *means.values()))
    _print(settings, finals)
    plots.curves(settings, means)
    return {
        "size": settings.size,
        "gradients": {w: replace(settings.options, **c).gradients for w, c in WAYS.items()},
        "pairs": [pair.name for pair in pairs],
        "final": finals,
        "curves": means,
    }


def _points(pair: Pair, options: PaintOptions) -> Iterator[dict[str, float]]:
    """Gradients, seconds and the objective at full size, float32, of the picture as it would be saved.

    Looking costs neither gradients nor seconds here.
    """
    painter = Painter(pair.photo, pair.style, options)
    objective, photo = full_size(painter, torch.float32)
    every = max(1, options.gradients // POINTS)
    yield {"gradients": 0, "seconds": 0.0, "objective": _value(objective, photo)}
    seconds, started = 0.0, time.perf_counter()
    for number, step in enumerate(painter.steps(), 1):
        seconds += time.perf_counter() - started
        if number % every == 0 or number == options.gradients:
            value = _value(objective, resize(step.image[None], painter.size))
            yield {"gradients": number, "seconds": seconds, "objective": value}
        started = time.perf_counter()


@torch.no_grad()
def _value(objective: Any, image: torch.Tensor) -> float:
    return float(objective(image)[0])


def _mean_points(curves: list[Points]) -> Points:
    return [
        {name: mean(point[name] for point in points) for name in points[0]}
        for points in zip(*curves, strict=True)
    ]


def _final(name: str, recolored: Points, ladder: Points, single: Points) -> dict[str, Any]:
    """All ends, and where single-scale stands after the gradients and the seconds of the ladder."""
    in_time = [point for point in single if point["seconds"] <= ladder[-1]["seconds"]]
    return {
        "pair": name,
        "photo": ladder[0]["objective"],
        "recolored": recolored[-1]["objective"],
        "ladder": ladder[-1]["objective"],
        "single": single[-1]["objective"],
        "single_in_same_seconds": in_time[-1]["objective"],
        "recolored_seconds": recolored[-1]["seconds"],
        "ladder_seconds": ladder[-1]["seconds"],
        "single_seconds": single[-1]["seconds"],
    }


def _print(settings: Settings, finals: list[dict[str, Any]]) -> None:
    columns = {
        "pair": "pair",
        "the photo": "photo",
        "from the recolored photo": "recolored",
        "coarse to fine": "ladder",
        "single scale": "single",
        "single, equal seconds": "single_in_same_seconds",
        "from the recolored photo, s": "recolored_seconds",
        "coarse to fine, s": "ladder_seconds",
        "single, s": "single_seconds",
    }
    counts = ", ".join(str(replace(settings.options, **changes).gradients) for changes in WAYS.values())
    print_table(
        f"The objective at {settings.size} pixels after {counts} gradients",
        list(columns),
        [[row[name] for name in columns.values()] for row in finals],
        "single, equal seconds: what it has reached when coarse to fine is done.",
    )

"""Time to an equal loss, from primed and from random weights, as the trainings' own tables tell it."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.report import print_table

if TYPE_CHECKING:
    from benchmarks.stylize import StyleSettings

LEVELS = 8  # losses at which the two are compared

Curve = list[tuple[float, float]]  # step, loss on held-out photos


def run(settings: StyleSettings) -> dict[str, Any]:
    primed, random = (_best_so_far(_curve(folder)) for folder in settings.trainings)
    levels = _levels(primed, random)
    rows = [
        {"loss": level, "primed_steps": _reached(primed, level), "random_steps": _reached(random, level)}
        for level in levels
    ]
    for row in rows:
        row["times"] = row["random_steps"] / row["primed_steps"]
    print_table(
        "Steps to an equal loss on held-out photos",
        ("loss", "primed", "random", "times"),
        [list(row.values()) for row in rows],
    )
    _plot(settings.results / "time-to-loss.png", primed, random)
    return {"trainings": [folder.name for folder in settings.trainings], "rows": rows}


def _curve(folder: Path) -> Curve:
    with (folder / "losses.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row.get("held_out_total")]
    return [(float(row["step"]), float(row["held_out_total"])) for row in rows]


def _best_so_far(curve: Curve) -> Curve:
    best = float("inf")
    result = []
    for step, loss in curve:
        best = min(best, loss)
        result.append((step, best))
    return result


def _levels(primed: Curve, random: Curve) -> list[float]:
    """Losses that both reach, from high to low by equal factors."""
    high = min(primed[0][1], random[0][1])
    low = max(primed[-1][1], random[-1][1])
    return [high * (low / high) ** (number / (LEVELS - 1)) for number in range(LEVELS)]


def _reached(curve: Curve, level: float) -> float:
    """The step at which a loss is first reached, interpolated."""
    before = curve[0]
    for step, loss in curve:
        if loss <= level * (1 + 1e-9):
            span = before[1] - loss
            return step if span <= 0 else before[0] + (step - before[0]) * (before[1] - level) / span
        before = (step, loss)
    raise ValueError(f"the loss {level} is never reached")


def _plot(path: Path, primed: Curve, random: Curve) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    for name, curve in (("from primed weights", primed), ("from random weights", random)):
        axes.plot(*zip(*curve, strict=True), marker="o", markersize=3, label=name)
    axes.set(xlabel="step", ylabel="lowest loss on held-out photos", yscale="log", xscale="log")
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)

"""The plots. They show numbers only, no pictures, and are kept with the results."""

from __future__ import annotations

from pathlib import Path
from statistics import mean
from typing import Any

import matplotlib

from benchmarks.settings import CLOSER, Settings
from impasto import PaintOptions

matplotlib.use("Agg")
from matplotlib import pyplot as plt

COLORS = {
    "compact": "#c8553d", "quick": "#e0a458", "best": "#7b2d26", "16x": "#2f6690", "exact": "#3a7d44"
}  # fmt: skip
NAMES = {
    "compact": "good",
    "quick": "quick",
    "best": "best",
    "16x": "16x compressed VGG-19",
    "exact": "exact features, single scale",
}
METHODS = {"ours": "#c8553d", "wct": "#2f6690", "adain": "#3a7d44", "photo": "#888888", "style": "#222222"}
WAYS = {
    "recolored": ("coarse to fine from the recolored photo", "#588b3f"),
    "ladder": ("coarse to fine from the photo", "#c8553d"),
    "single": ("single scale from the photo", "#2f6690"),
}


def trade(settings: Settings, rows: list[dict[str, Any]]) -> Path:
    """Style against content and layout: every pair at the defaults, and means through the strengths."""
    closer = {pair.name for pair in settings.chosen()[:CLOSER]}
    figure, grid = plt.subplots(2, 2, figsize=(11, 9), sharey=True, layout="constrained")
    for line, against in zip(grid, ("content", "layout"), strict=True):
        for painter, color in COLORS.items():
            own = [row for row in rows if row["painter"] == painter]
            default = [row for row in own if row["strength"] == PaintOptions.strength]
            if default:
                line[0].scatter(*_xy(default, against), color=color, s=22, alpha=0.7, label=NAMES[painter])
                line[0].scatter(*_center(default, against), color=color, s=150, marker="+", linewidths=2.5)
                _strengths(line[1], [row for row in own if row["pair"] in closer], color, against)
        line[0].set(title="every pair, at the defaults; + the mean", ylabel="style (0: the style's own)")
        line[1].set(title=f"{len(closer)} pairs through the strengths; thick: their mean")
        for axes in line:
            axes.set(xlabel=f"{against} (0: the photo's own)", yscale="log")
            axes.grid(alpha=0.25, which="both")
    grid[0][0].legend(frameon=False)
    return _save(figure, settings.results / "style-against-content.png")


def _strengths(axes: Any, rows: list[dict[str, Any]], color: str, against: str) -> None:
    """A line per pair through its strengths, and one of their means."""
    by_pair: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: row["strength"]):
        by_pair.setdefault(row["pair"], []).append(row)
    for line in by_pair.values():
        axes.plot(*_xy(line, against), color=color, marker=".", linewidth=1, alpha=0.35)
    groups = list(zip(*by_pair.values(), strict=True))  # by strength
    means = [_center(group, against) for group in groups]
    axes.plot(*zip(*means, strict=True), color=color, marker="o", linewidth=2.5)
    for group, place in zip(groups, means, strict=True):
        label = f"{group[0]['strength']:g}"
        axes.annotate(label, place, textcoords="offset points", xytext=(6, 5), color=color)


def curves(settings: Settings, means: dict[str, list[dict[str, float]]]) -> Path:
    """The objective at full size against gradients and against seconds."""
    figure, panels = plt.subplots(1, 2, figsize=(11, 4.2), sharey=True, layout="constrained")
    for axes, quantity in zip(panels, ("gradients", "seconds"), strict=True):
        for way, points in means.items():
            name, color = WAYS[way]
            x, y = ([point[key] for point in points] for key in (quantity, "objective"))
            axes.plot(x, y, label=name, color=color, linewidth=2)
        axes.set(xlabel=quantity, yscale="log")
        axes.grid(alpha=0.25, which="both")
    panels[0].set(ylabel=f"objective at {settings.size} pixels")
    panels[0].legend(frameon=False)
    return _save(figure, settings.results / "coarse-to-fine.png")


def any_style(
    results: Path, table: dict[str, dict[str, tuple[float, float]]], targets: dict[str, float]
) -> Path:
    """Style against content: a point a painting, a cross for each method's mean; the corner is the target."""
    figure, axes = plt.subplots(figsize=(8, 5.4), layout="constrained")
    means: dict[str, list[tuple[float, float]]] = {}
    for name, paintings in table.items():
        kind, _, amount = name.partition(" ")
        styles, contents = zip(*paintings.values(), strict=True)
        means.setdefault(kind, []).append((mean(contents), mean(styles)))
        axes.scatter(contents, styles, color=METHODS[kind], s=14, alpha=0.35, linewidths=0)
        axes.annotate(amount, means[kind][-1], textcoords="offset points", xytext=(6, 5), color=METHODS[kind])
    for kind, line in means.items():
        axes.plot(*zip(*line, strict=True), color=METHODS[kind], marker="P", markersize=10, label=kind)
    target = targets["mean_content"], targets["mean_style"]
    axes.plot(
        [0, target[0], target[0]], [target[1], target[1], 0], color="black", linestyle=":", label="target"
    )
    axes.set(xlabel="content (0: the photo's own)", ylabel="style (0: the style's own)", yscale="log")
    axes.grid(alpha=0.25, which="both")
    axes.legend(frameon=False)
    return _save(figure, results / "any-style.png")


def _xy(rows: list[dict[str, Any]], against: str) -> tuple[list[float], list[float]]:
    return [row[against] for row in rows], [row["style"] for row in rows]


def _center(rows: Any, against: str) -> tuple[float, float]:
    return mean(row[against] for row in rows), mean(row["style"] for row in rows)


def _save(figure: Any, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path

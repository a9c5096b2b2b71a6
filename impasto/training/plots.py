"""Plots of a training: losses over steps, and the loss that each learning rate led to. Needs Matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from impasto.imaging.files import replacing

_SMOOTH = 25  # rows that a curve is averaged over


def can_plot() -> bool:
    """Return whether Matplotlib is installed: without it a training has its tables only."""
    return find_spec("matplotlib") is not None


def plot_losses(path: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Each term in its own panel, thin, and smoothed, thick; held-out photos as dots.

    Rows have a "step" and some terms, "held_out_" before the names of those on held-out photos.
    """
    names = [n for n in dict.fromkeys(n for row in rows for n in row) if n != "step"]
    names = [name for name in names if not name.startswith("held_out_")]
    if not names:
        return
    figure, panels = _panels(len(names))
    for name, axes in zip(names, panels, strict=True):
        steps, values = zip(*_points(rows, name), strict=True)
        axes.plot(steps, values, linewidth=0.6, alpha=0.4, color="tab:blue")
        axes.plot(steps, _smoothed(values), linewidth=1.6, color="tab:blue", label="training")
        if held := _points(rows, f"held_out_{name}"):
            axes.plot(*zip(*held, strict=True), "o", markersize=3, color="tab:orange", label="held out")
        axes.set(title=name, xlabel="step", yscale="log" if min(values) > 0 else "linear")
    panels[-1].legend(fontsize="small")
    _save(figure, path)


def plot_rates(path: Path, trials: Sequence[tuple[float, float]], suggestion: float) -> None:
    """Losses over the learning rates that led to them, and the suggested rate."""
    figure, (axes,) = _panels(1)
    axes.plot(*zip(*trials, strict=True), color="tab:blue")
    axes.axvline(suggestion, color="tab:orange", label=f"suggested: {suggestion:.2g}")
    axes.set(title="learning-rate range test", xlabel="learning rate", ylabel="smoothed loss", xscale="log")
    axes.set_ylim(top=1.2 * trials[0][1])  # what explodes would flatten all else
    axes.legend(fontsize="small")
    _save(figure, path)


def _panels(count: int) -> tuple[Any, Sequence[Any]]:
    from matplotlib.figure import Figure  # without pyplot, which would look for a display

    figure = Figure(figsize=(max(4.8, 3.2 * count), 2.8), layout="constrained")
    panels: Sequence[Any] = figure.subplots(1, count, squeeze=False)[0]
    for axes in panels:
        axes.grid(alpha=0.3)
    return figure, panels


def _points(rows: Sequence[Mapping[str, float]], name: str) -> list[tuple[float, float]]:
    return [(row["step"], row[name]) for row in rows if name in row]


def _smoothed(values: Sequence[float]) -> list[float]:
    """Each value averaged with those before it in the window."""
    spans = [values[max(0, end - _SMOOTH) : end] for end in range(1, len(values) + 1)]
    return [sum(span) / len(span) for span in spans]


def _save(figure: Any, path: Path) -> None:
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png")

"""Log a training: losses as tables and plots, and sample pictures. Plots need Matplotlib."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from impasto.errors import MissingExtraError, UsageError
from impasto.imaging import io
from impasto.imaging.files import replacing
from impasto.safe_paths import is_unicode

_GAP = 4  # pixels between the pictures of a sheet
_BETWEEN_ROWS = 10  # steps averaged in a row of the table
_BETWEEN_PLOTS = 25.0  # seconds; a plot takes a third of a second
_SMOOTH = 25  # rows that curves are averaged over


class MetricsLog:
    """Writes `losses.csv` and, with Matplotlib, `losses.png` into the folder of a training.

    Args:
        folder: folder of the training; created if missing.
        step: current step of the training; later rows, of an interrupted run, are dropped.
        tensorboard: also write event files. Raises MissingExtraError if TensorBoard is not installed.
    """

    def __init__(self, folder: Path, step: int = 0, *, tensorboard: bool = False) -> None:
        self.folder = folder
        self._rows = [row for row in self._read() if row["step"] <= step]
        self._sums: dict[str, float] = {}
        self._count = 0
        self._plotted = -math.inf
        self._board = _open_board(folder, step) if tensorboard else None

    def note(self, step: int, losses: dict[str, float]) -> None:
        """Add the losses of a step; every tenth step ends a row of means."""
        self._count += 1
        for name, value in losses.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        if step % _BETWEEN_ROWS == 0:
            self._end_row(step)

    def validated(self, step: int, losses: dict[str, float]) -> None:
        """Add losses on held-out photos, which end a row."""
        if self._count or not self._rows:
            self._end_row(step)
        self._rows[-1] |= {f"held_out_{name}": value for name, value in losses.items()}
        if self._board:
            for name, value in losses.items():
                self._board.add_scalar(f"held out/{name}", value, step)

    def sample(self, step: int, rows: Sequence[Tensor]) -> Path:
        """Write photos above their stylized pictures, rows of (N, 3, H, W), as samples/STEP.jpg."""
        path = self.folder / "samples" / f"{step:06d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        sheet = _sheet(rows)
        io.write(path, sheet)
        if self._board:
            self._board.add_image("samples", sheet, step)
        return path

    def save(self) -> None:
        """Write the table and, if 25 seconds have passed, the plot."""
        self._save_table()
        if time.monotonic() - self._plotted > _BETWEEN_PLOTS:
            self._plot()

    def close(self) -> None:
        """Write the table and the plot, and close the event files."""
        self._save_table()
        self._plot()
        if self._board:
            self._board.close()

    def _save_table(self) -> None:
        if not self._rows:
            return
        names = list(dict.fromkeys(name for row in self._rows for name in row))
        self.folder.mkdir(parents=True, exist_ok=True)
        with (
            replacing(self.folder / "losses.csv") as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows({n: f"{v:.6g}" for n, v in row.items()} for row in self._rows)

    def _plot(self) -> None:
        if self._rows and can_plot():
            _plot_losses(self.folder / "losses.png", self._rows)
        self._plotted = time.monotonic()

    def _end_row(self, step: int) -> None:
        row = {name: value / self._count for name, value in self._sums.items()}
        self._rows.append({"step": step, **row})
        self._sums, self._count = {}, 0
        if self._board:
            for name, value in row.items():
                self._board.add_scalar(f"training/{name}", value, step)

    def _read(self) -> list[dict[str, float]]:
        try:
            with (self.folder / "losses.csv").open(newline="", encoding="utf-8") as file:
                rows = [{n: float(v) for n, v in row.items() if v} for row in csv.DictReader(file)]
        except (OSError, ValueError, TypeError, AttributeError, csv.Error):
            return []
        return [row for row in rows if "step" in row]


def _sheet(rows: Sequence[Tensor]) -> Tensor:
    """Arrange rows of pictures, (N, 3, H, W) each, in one picture (3, H', W') on white."""
    padded = [torch.nn.functional.pad(row, (0, _GAP, 0, _GAP), value=1.0) for row in rows]
    lines = [torch.cat(list(row.clamp(0, 1).cpu()), 2) for row in padded]
    return torch.cat(lines, 1)[:, :-_GAP, :-_GAP]


def _open_board(folder: Path, step: int) -> Any:
    """Open TensorBoard's writer, which hides later steps of an earlier run."""
    if not find_spec("tensorboard"):
        raise MissingExtraError("TensorBoard", "train", "--tensorboard")
    if not is_unicode(folder):
        raise UsageError(
            f"TensorBoard cannot write to {folder}, which is not valid UTF-8: choose another name"
        )
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)


def can_plot() -> bool:
    """Return whether Matplotlib is installed, which plots need."""
    return find_spec("matplotlib") is not None


def _plot_losses(path: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Plot each term in a panel: a thin line, a thick smoothed line, and dots for held-out photos.

    Rows have a "step" and terms; the names of terms on held-out photos begin with "held_out_".
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
    """Plot losses over learning rates, and the suggested rate."""
    figure, (axes,) = _panels(1)
    axes.plot(*zip(*trials, strict=True), color="tab:blue")
    axes.axvline(suggestion, color="tab:orange", label=f"suggested: {suggestion:.2g}")
    axes.set(title="learning-rate range test", xlabel="learning rate", ylabel="smoothed loss", xscale="log")
    axes.set_ylim(top=1.2 * trials[0][1])  # exploding losses would flatten the rest of the curve
    axes.legend(fontsize="small")
    _save(figure, path)


def _panels(count: int) -> tuple[Any, Sequence[Any]]:
    from matplotlib.figure import Figure  # without pyplot, which searches for a display

    figure = Figure(figsize=(max(4.8, 3.2 * count), 2.8), layout="constrained")
    panels: Sequence[Any] = figure.subplots(1, count, squeeze=False)[0]
    for axes in panels:
        axes.grid(alpha=0.3)
    return figure, panels


def _points(rows: Sequence[Mapping[str, float]], name: str) -> list[tuple[float, float]]:
    return [(row["step"], row[name]) for row in rows if name in row]


def _smoothed(values: Sequence[float]) -> list[float]:
    """Average each value with the values before it in the window."""
    spans = [values[max(0, end - _SMOOTH) : end] for end in range(1, len(values) + 1)]
    return [sum(span) / len(span) for span in spans]


def _save(figure: Any, path: Path) -> None:
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png")

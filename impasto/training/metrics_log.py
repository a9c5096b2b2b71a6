"""Metrics of a training: losses as a table and a plot, and sample pictures."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from impasto.errors import MissingExtraError
from impasto.imaging import io
from impasto.imaging.files import replacing
from impasto.training.plots import can_plot, plot_losses

_GAP = 4  # pixels between the pictures of a sheet
_BETWEEN_ROWS = 10  # steps that a row of the table stands for
_BETWEEN_PLOTS = 25.0  # seconds: a plot takes a third of one


class MetricsLog:
    """Writes into the folder of a training; `losses.csv` always, `losses.png` if Matplotlib is here.

    Args:
        folder: of the training; made if missing.
        step: that the training is at: later rows, of a run that was cut off, are dropped.
        tensorboard: also write event files. Raises MissingExtraError where TensorBoard is not installed.
    """

    def __init__(self, folder: Path, step: int = 0, *, tensorboard: bool = False) -> None:
        self.folder = folder
        self._rows = [row for row in self._read() if row["step"] <= step]
        self._sums: dict[str, float] = {}
        self._count = 0
        self._plotted = -math.inf
        self._board = _open_board(folder, step) if tensorboard else None

    def note(self, step: int, losses: dict[str, float]) -> None:
        """Count the losses of a step; every tenth ends a row of means."""
        self._count += 1
        for name, value in losses.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        if step % _BETWEEN_ROWS == 0:
            self._end_row(step)

    def validated(self, step: int, losses: dict[str, float]) -> None:
        """Losses on held-out photos end a row."""
        if self._count or not self._rows:
            self._end_row(step)
        self._rows[-1] |= {f"held_out_{name}": value for name, value in losses.items()}
        if self._board:
            for name, value in losses.items():
                self._board.add_scalar(f"held out/{name}", value, step)

    def sample(self, step: int, rows: Sequence[Tensor]) -> Path:
        """Photos over what has become of them, rows of (N, 3, H, W), as samples/STEP.jpg."""
        path = self.folder / "samples" / f"{step:06d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        sheet = _sheet(rows)
        io.write(path, sheet)
        if self._board:
            self._board.add_image("samples", sheet, step)
        return path

    def save(self) -> None:
        """Write the table and, every now and then, the plot."""
        self._save_table()
        if time.monotonic() - self._plotted > _BETWEEN_PLOTS:
            self._plot()

    def close(self) -> None:
        """Write both, and end the event files."""
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
            writer.writerows({n: _brief(v) for n, v in row.items()} for row in self._rows)

    def _plot(self) -> None:
        if self._rows and can_plot():
            plot_losses(self.folder / "losses.png", self._rows)
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
        except (OSError, ValueError, TypeError, AttributeError):
            return []
        return [row for row in rows if "step" in row]


def _sheet(rows: Sequence[Tensor]) -> Tensor:
    """Rows of pictures, (N, 3, H, W) each, as one (3, H', W') on white."""
    padded = [torch.nn.functional.pad(row, (0, _GAP, 0, _GAP), value=1.0) for row in rows]
    lines = [torch.cat(list(row.clamp(0, 1).cpu()), 2) for row in padded]
    return torch.cat(lines, 1)[:, :-_GAP, :-_GAP]


def _brief(value: float) -> str:
    return f"{value:.6g}"


def _open_board(folder: Path, step: int) -> Any:
    """A writer that hides what an earlier run wrote of later steps."""
    if not find_spec("tensorboard"):
        raise MissingExtraError("TensorBoard", "train", "--tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)

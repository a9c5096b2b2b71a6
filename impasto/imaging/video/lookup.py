"""Colors of frames looked up in a table, by FFmpeg's filter lut3d with tetrahedral interpolation."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from impasto.imaging import ffmpeg
from impasto.imaging.video.clip import Pixels

TABLE_FORMAT = "gbrp16le"  # FFmpeg looks planes of 16 bits up in a quarter of the time of others


class ColorTable:
    """Looks up frames of one size.

    Args:
        colors: (N * N * N, 3) RGB in [0, 1], for the points of a regular grid, red changing fastest.
    """

    def __init__(self, colors: NDArray[np.floating[Any]]) -> None:
        rounded = (
            (255 * colors + 0.5) * 256 / 65_535
        )  # so that the upper byte of 16 bits is the rounded level
        lines = "\n".join(f"{r:.6f} {g:.6f} {b:.6f}" for r, g, b in rounded.tolist())
        self._table = f"LUT_3D_SIZE {round(len(colors) ** (1 / 3))}\n{lines}\n"
        self._graph: Any = None

    def __call__(self, frame: Any) -> Pixels:
        """An `av` frame of the format TABLE_FORMAT to (H, W, 3) RGB bytes."""
        if self._graph is None:
            self._graph = self._make_graph(frame)
        self._graph.push(frame)
        levels = self._graph.pull().to_ndarray()
        return np.ascontiguousarray(levels.view(np.uint8)[:, :, 1::2])

    def of_pixels(self, pixels: Pixels) -> Pixels:
        """(H, W, 3) RGB bytes to the same."""
        levels = np.multiply(pixels, 257, dtype=np.uint16)  # FFmpeg's conversion would not reach the last one
        frame = ffmpeg.load("Grading a video").VideoFrame.from_ndarray(levels, format=TABLE_FORMAT)
        frame.time_base = Fraction(1)
        return self(frame)

    def _make_graph(self, frame: Any) -> Any:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "table.cube"
            path.write_text(self._table, encoding="ascii")
            return ffmpeg.filter_graph(frame, "lut3d", file=str(path), interp="tetrahedral")

"""Painting large pictures: megapixels against seconds per gradient and peak memory, in tiles and whole.

Each size is painted at a single scale in a process of its own, with as many gradients as a default painting
of 4096 pixels has at its last scale. Whole pictures are left out where they are expected to need more than
the limit. Tables here, numbers in benchmarks/results/huge_paint.json. Nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.report import console, machine, print_table, save_section
from benchmarks.settings import ROOT, Pair, Settings
from benchmarks.speed import MEASURE
from impasto import Painter, PaintOptions
from impasto.imaging import io
from impasto.imaging.geometry import resize

SIZES = (512, 1024, 2048, 4096)
TILE = 1024
LIMIT = 4.0  # GB, 2^30 bytes
GRADIENTS = 5


def run(settings: Settings, sizes: Sequence[int] = SIZES) -> dict[str, Any]:
    """All sizes, in tiles and whole."""
    pair = settings.chosen()[0]
    rows = [
        _measured(pair, size, tile)
        for size in sizes
        for tile in (TILE, None)
        if _is_worth_it(pair, size, tile)
    ]
    print_table(
        f"One gradient of a square picture, and the peak of the process that paints it: {pair.name}",
        ("pixels", "megapixels", "tiles", "s per gradient", "s per megapixel", "peak GB", "expected", "met"),
        [[row[key] for key in rows[0]] for row in rows],
        f"Target: {LIMIT:g} GB in tiles. Whole, pictures that are expected to need more are left out.",
    )
    return {"pair": pair.name, "gradients": GRADIENTS, "rows": rows}


def _is_worth_it(pair: Pair, size: int, tile: int | None) -> bool:
    """Tiles that are larger than the picture are none."""
    if tile is None:
        return _painter(pair, size, None).memory() <= LIMIT * 2**30
    return tile < size


def _measured(pair: Pair, size: int, tile: int | None) -> dict[str, Any]:
    console.print(f"huge_paint: {size} pixels, {f'tiles of {tile}' if tile else 'whole'}", style="dim")
    with tempfile.TemporaryDirectory() as folder:
        times = Path(folder) / "times.json"
        command = [
            sys.executable,
            "-m",
            "benchmarks.huge_paint",
            "--paint",
            str(size),
            str(tile or 0),
            str(times),
        ]
        done = subprocess.run(
            [sys.executable, "-I", str(MEASURE), *command],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        seen, expected = json.loads(times.read_text())
    seconds, peak = median(seen), json.loads(done.stdout)["peak_bytes"] / 2**30
    return {
        "size": size,
        "megapixels": size**2 / 1e6,
        "tile": tile,
        "seconds_per_gradient": seconds,
        "seconds_per_megapixel": seconds / (size**2 / 1e6),
        "peak_gb": peak,
        "expected_gb": expected / 2**30,
        "met": peak <= LIMIT if tile else None,
    }


def paint(pair: Pair, size: int, tile: int | None, out: Path) -> None:
    """Paint, and write the seconds of each gradient but the first, and the bytes that were expected."""
    painter = _painter(pair, size, tile)
    expected = painter.memory()
    seen = [time.perf_counter() for _ in painter.steps()]
    out.write_text(json.dumps([[b - a for a, b in pairwise(seen)], expected]))


def _painter(pair: Pair, size: int, tile: int | None) -> Painter:
    photo = resize(io.read(pair.photo)[0][None], (size, size))[0]
    options = PaintOptions(size=size, scales=1, iterations=GRADIENTS, tile=tile or "off")
    return Painter(photo, pair.style, options)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.huge_paint",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES, help="pixels (default: all)")
    parser.add_argument("--results", type=Path, default=Settings.results, help="for huge_paint.json")
    parser.add_argument("--paint", nargs=3, metavar=("SIZE", "TILE", "FILE"), help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    settings = Settings(results=given.results)
    if given.paint:
        size, tile, out = given.paint
        paint(settings.chosen()[0], int(size), int(tile) or None, Path(out))
        return
    console.print(", ".join(f"{name} {value}" for name, value in machine().items()))
    written = save_section(settings.results / "huge_paint.json", "tiles", run(settings, given.sizes))
    console.print(f"written: {written}", style="dim")


if __name__ == "__main__":
    main()

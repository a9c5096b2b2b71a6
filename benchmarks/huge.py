"""Pictures of any size: time and peak memory of `impasto stylize` by megapixels, start-up included.

Square photos are measured beside the memory that --dry-run foretells; --tiff adds one of 30,000 x 20,000
pixels that is streamed from disk to disk. Nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.report import console, machine, print_table, save_section
from benchmarks.settings import ROOT, SHIPPED_PHOTO
from benchmarks.speed import run_command
from impasto.imaging.io import write_bands
from impasto.stylizing import ImageOptions, Item, Stylizer
from impasto.stylizing.images import plan

matplotlib.use("Agg")
from matplotlib import pyplot as plt

SIDES = (256, 512, 1024, 2048, 3072, 4096, 6000, 10_000)
TIFF = (20_000, 30_000)  # height, width
ROWS = 1000
TARGETS = {"gb_beyond_the_photo_at_10000": 1.5, "gb_of_the_tiff": 2.0, "estimate_off_by": 0.25}
RESULTS = ROOT / "benchmarks" / "results"


def main(arguments: Sequence[str] | None = None) -> None:
    given = _parser().parse_args(arguments)
    console.print(", ".join(f"{name} {value}" for name, value in machine().items()))
    stylizer = Stylizer(given.style, runtime="torch")
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        rows = [_square(Path(folder), stylizer, side) for side in given.sides]
        if given.tiff:
            rows.append(_measured(_make_tiff(Path(folder, "photo.tif"), TIFF), "out.tif", stylizer))
    _show(rows)
    result = {"style": given.style, "rows": rows, "targets": TARGETS}
    written = [save_section(given.results / "huge.json", "stylize", result), _plot(rows, given.results)]
    console.print(f"written: {', '.join(map(str, written))}", style="dim")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.huge",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--sides", nargs="+", type=int, default=SIDES, help="pixels (default: 256 to 10,000)")
    add("--tiff", action="store_true", help="30,000 x 20,000 pixels, too: half an hour, and 2 GB of disk")
    add("--style", default="starry-night", help="a name or a card (default: %(default)s)")
    add("--folder", type=Path, help="for photos and pictures meanwhile (default: the system's)")
    add("--results", type=Path, default=RESULTS, help="for huge.json and huge.png")
    return parser


def _square(folder: Path, stylizer: Stylizer, side: int) -> dict[str, Any]:
    photo = folder / f"{side}.jpg"
    pixels = np.concatenate(list(_repeated((side, side))))
    Image.fromarray(pixels).save(photo, quality=92)
    return _measured(photo, "out.jpg", stylizer)


def _make_tiff(path: Path, size: tuple[int, int]) -> Path:
    write_bands(path, _repeated(size), size)
    return path


def _repeated(size: tuple[int, int]) -> Iterator[NDArray[np.uint8]]:
    """Bands of the shipped photo, its mirror images side by side, to fill (height, width)."""
    with Image.open(SHIPPED_PHOTO) as picture:
        photo = np.asarray(picture.convert("RGB"))
    both = np.concatenate([photo, photo[:, ::-1]], 1)
    sheet = np.concatenate([both, both[::-1]])
    for top in range(0, size[0], ROWS):
        down = np.arange(top, min(top + ROWS, size[0])) % len(sheet)
        yield sheet[down][:, np.arange(size[1]) % sheet.shape[1]]


def _measured(photo: Path, target: str, stylizer: Stylizer) -> dict[str, Any]:
    out = photo.with_name(target)
    foretold = plan(Item(photo, out), stylizer, ImageOptions())
    style = stylizer.name
    words = ["stylize", str(photo), "-o", str(out), "--style", style, "--runtime", "torch", "--overwrite"]
    measured = run_command(words)
    height, width = foretold.size
    megapixels, peak = height * width / 1e6, measured["peak_bytes"]
    console.print(f"{width} x {height}: {measured['seconds']:.1f} s, {peak / 2**30:.2f} GB", style="dim")
    return {
        "size": f"{width} x {height}",
        "megapixels": megapixels,
        "tile": foretold.tile,
        "seconds": measured["seconds"],
        "seconds_a_megapixel": measured["seconds"] / megapixels,
        "peak_gb": peak / 2**30,
        "photo_gb": 4e6 * megapixels / 2**30 if target.endswith("jpg") else 0.0,
        "estimate_gb": foretold.memory / 2**30,
        "estimate_off_by": foretold.memory / peak - 1,
    }


def _show(rows: Sequence[dict[str, Any]]) -> None:
    titles = {
        "size": "pixels", "megapixels": "megapixels", "tile": "tile", "seconds": "seconds",
        "seconds_a_megapixel": "s/MP", "peak_gb": "peak GB", "photo_gb": "decoded GB",
        "estimate_gb": "dry run GB", "estimate_off_by": "off by",
    }  # fmt: skip
    cells = [[row[key] for key in titles] for row in rows]
    print_table("The whole command, start-up included: impasto stylize", tuple(titles.values()), cells)


def _plot(rows: Sequence[dict[str, Any]], results: Path) -> Path:
    """Seconds and gigabytes against megapixels, both logarithmic: a line of slope 1 is linear time."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
    megapixels = [row["megapixels"] for row in rows]
    left.plot(megapixels, [row["seconds"] for row in rows], color="#c8553d", marker="o", label="measured")
    linear = [rows[-1]["seconds_a_megapixel"] * x for x in megapixels]
    left.plot(megapixels, linear, color="#888", linestyle=":", label="linear")
    right.plot(megapixels, [row["peak_gb"] for row in rows], color="#c8553d", marker="o", label="measured")
    right.plot(megapixels, [row["estimate_gb"] for row in rows], color="#2f6690", marker=".", label="dry run")
    for axes, label in ((left, "seconds"), (right, "peak memory, GB")):
        axes.set(xscale="log", yscale="log", xlabel="megapixels", ylabel=label)
        axes.grid(alpha=0.25, which="both")
        axes.legend(frameon=False)
    path = results / "huge.png"
    figure.savefig(path, dpi=120)
    plt.close(figure)
    return path


if __name__ == "__main__":
    main()

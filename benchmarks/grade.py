"""Color grading: how near each method comes to the reference's colors, and what it leaves of the photo.

The methods of `impasto grade` and, as published, sliced optimal transport of every pixel without smoothing
(Pitié et al. 2007), on the pairs of `settings`. It takes less than two minutes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from time import perf_counter
from typing import Any

import torch
import torch.nn.functional as F
from skimage.metrics import structural_similarity
from torch import Tensor

from benchmarks.report import console, machine, print_table, save_section
from benchmarks.settings import ROOT, Pair, Settings
from benchmarks.surface import grain
from impasto.grading.lut import into_gamut
from impasto.grading.methods import make_lut, match_clouds, sample_colors
from impasto.grading.options import GradeOptions
from impasto.imaging import io
from impasto.imaging.color_transfer import luma, to_oklab
from impasto.imaging.geometry import fit_long_side, resize
from impasto.imaging.sources import Planes
from impasto.imaging.style import read_style

SIDE = 320
_AXES, _ITERATIONS = 64, 24

Grade = Callable[[Tensor, Tensor], Tensor]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.grade", description=__doc__)
    parser.add_argument("--pairs", type=int, default=14)
    parser.add_argument(
        "--results", type=Path, default=ROOT / "benchmarks" / "results", help="for grade.json"
    )
    given = parser.parse_args(arguments)
    console.print(", ".join(f"{name} {value}" for name, value in machine().items()))
    pairs = Settings(pairs=given.pairs).chosen()
    measured = [_measure(pair) for pair in pairs]
    rows = [
        {"method": name, "pairs": len(pairs)} | _mean([one[name] for one in measured]) for name in METHODS
    ]
    print_table("color grading", list(rows[0]), [list(row.values()) for row in rows])
    written = save_section(given.results / "grade.json", "methods", {"side": SIDE, "rows": rows})
    console.print(f"written: {written}", style="dim")


def _measure(pair: Pair) -> dict[str, dict[str, float]]:
    photo, reference = (_small(image) for image in (io.read(pair.photo)[0], read_style(pair.style)[0]))
    return {name: _scores(grade, photo, reference) for name, grade in METHODS.items()}


def _small(image: Tensor) -> Tensor:
    return resize(image[None], fit_long_side((image.shape[1], image.shape[2]), SIDE))[0]


def _scores(grade: Grade, photo: Tensor, reference: Tensor) -> dict[str, float]:
    started = perf_counter()
    picture = grade(photo, reference)
    seconds = perf_counter() - started
    before, after = (luma(image)[0] for image in (photo, picture))
    return {
        "distance": distance(picture, reference),
        "ssim": float(structural_similarity(before.numpy(), after.numpy(), data_range=1.0)),
        "orientation": orientation(before, after),
        "grain": grain(picture[None], photo[None]),
        "seconds": seconds,
    }


def distance(picture: Tensor, reference: Tensor) -> float:
    """Sliced Wasserstein distance of the colors in Oklab, times 100."""
    axes = F.normalize(torch.randn(_AXES, 3, generator=torch.Generator().manual_seed(1)), dim=1)
    ordered = [(axes @ _colors(image)).sort().values for image in (picture, reference)]
    return 100 * float((ordered[0] - ordered[1]).abs().mean())


def orientation(before: Tensor, after: Tensor) -> float:
    """Mean cosine between gradients of luma, (H, W), weighted by the length of the photo's."""
    first, second = (
        torch.stack([image.diff(dim=0)[:, 1:], image.diff(dim=1)[1:]]) for image in (before, after)
    )
    weight = first.norm(dim=0)
    cosine = F.cosine_similarity(first, second, dim=0, eps=1e-6)
    return float((cosine * weight).sum() / weight.sum())


def _colors(image: Tensor) -> Tensor:
    return to_oklab(sample_colors(Planes(image)))[:, 0]


def _by_lut(method: Any) -> Grade:
    def grade(photo: Tensor, reference: Tensor) -> Tensor:
        colors = (sample_colors(Planes(image)) for image in (photo, reference))
        return make_lut(*colors, GradeOptions(method=method))(photo)

    return grade


def _every_pixel(photo: Tensor, reference: Tensor) -> Tensor:
    """Without smoothing: pixels of one color may be given different ones."""
    colors = to_oklab(photo).flatten(1)
    goal = to_oklab(reference).flatten(1)
    chosen = torch.linspace(0, goal.shape[1] - 1, colors.shape[1]).long()
    generator = torch.Generator().manual_seed(0)
    moved = match_clouds(colors.double(), goal[:, chosen].double(), generator, iterations=_ITERATIONS)
    return into_gamut(moved.float().view_as(photo))


def _mean(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: fmean(one[name] for one in scores) for name in scores[0]}


METHODS: dict[str, Grade] = {
    "photo": lambda photo, reference: photo,
    "linear": _by_lut("linear"),
    "reinhard": _by_lut("reinhard"),
    "transport": _by_lut("transport"),
    "every pixel": _every_pixel,
}

if __name__ == "__main__":
    main()

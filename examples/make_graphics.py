"""Make graphics to train the adaptive network on beside paintings: vivid, flat, tiled, patterned, inked.

    python examples/make_graphics.py FOLDER --from PICTURES [--count 400]

Paintings alone leave a network without experience of comic colors, mosaics, stained glass, ornaments and
ink, whose statistics lie far from theirs. Each graphic is made from one picture of PICTURES and its own
number, and is the same in every run. Needs SciPy, which comes with scikit-image.
"""

from __future__ import annotations

import argparse
import colorsys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from scipy.ndimage import gaussian_filter, map_coordinates, median_filter
from scipy.spatial import cKDTree

Array = NDArray[np.float64]
Rng = np.random.Generator

SIDE = 320  # pixels of a graphic
Y, X = np.mgrid[0:SIDE, 0:SIDE].astype(float)


def vivid(picture: Array, rng: Rng) -> Array:
    """The picture in stronger colors and contrast, its channels in another order."""
    colored = picture[..., rng.permutation(3)] if rng.random() < 0.6 else picture
    gray = colored.mean(-1, keepdims=True)
    saturated = gray + (colored - gray) * rng.uniform(1.5, 3.5)
    return (saturated - 0.5) * rng.uniform(1.1, 2.0) + 0.5


def flat(picture: Array, rng: Rng) -> Array:
    """Few flat colors of a random palette, mostly with dark outlines."""
    colors = random_palette(rng, int(rng.integers(4, 12)))
    smooth = median_filter(picture.mean(-1), int(rng.integers(5, 13)))
    ranks = np.argsort(np.argsort(smooth.ravel())).reshape(smooth.shape) / smooth.size
    level = (ranks * len(colors)).astype(int).clip(0, len(colors) - 1)
    drawn = colors[level]
    edges = gaussian_filter(
        (np.hypot(*np.gradient(level.astype(float))) > 0).astype(float), rng.uniform(0.5, 1.5)
    )
    return drawn * (1 - np.clip(edges * rng.uniform(0, 3), 0, 1))[..., None]


def tiled(picture: Array, rng: Rng) -> Array:
    """A mosaic of Voronoi cells with dark or light joints."""
    points = rng.uniform(0, SIDE, (int(rng.integers(80, 1500)), 2))
    distances, cells = cKDTree(points).query(np.stack([Y, X], -1), k=2)
    y, x = points.astype(int).T
    colors = (
        vivid(picture, rng)[y, x]
        if rng.random() < 0.5
        else random_palette(rng, 8)[rng.integers(0, 8, len(points))]
    )
    colors = colors + rng.normal(0, 0.06, (len(points), 1))
    joint = (distances[..., 1] - distances[..., 0]) < rng.uniform(1, 5)
    return np.where(joint[..., None], float(rng.random() < 0.3), colors[cells[..., 0]])


def patterned(picture: Array, rng: Rng) -> Array:
    """Spirals, rings or stripes that bend with the picture, in the colors of a random palette."""
    bent = gaussian_filter(picture.mean(-1), 6) * rng.uniform(0, 20)
    waves = np.full((SIDE, SIDE), np.inf)
    phase = np.zeros((SIDE, SIDE))
    for center in rng.uniform(0, SIDE, (int(rng.integers(1, 12)), 2)):
        radius, angle = np.hypot(Y - center[0], X - center[1]), np.arctan2(Y - center[0], X - center[1])
        nearer = radius < waves
        phase[nearer] = (radius / rng.uniform(3, 9) + rng.integers(-2, 3) * angle)[nearer]
        waves = np.minimum(waves, radius)
    if rng.random() < 0.3:
        direction = rng.uniform(0, np.pi)
        phase = (X * np.cos(direction) + Y * np.sin(direction)) / rng.uniform(2, 8)
    t = (np.sin(phase + bent) + 1) / 2
    colors = random_palette(rng, int(rng.integers(2, 6)))
    sharp = t if rng.random() < 0.5 else np.round(t * 3) / 3
    return np.stack([np.interp(sharp, np.linspace(0, 1, len(colors)), channel) for channel in colors.T], -1)


def inked(picture: Array, rng: Rng) -> Array:
    """Lines of ink on paper, denser where the picture is dark."""
    gray = gaussian_filter(picture.mean(-1), 1)
    ranks = (gray - gray.min()) / max(float(np.ptp(gray)), 1e-6)
    bend = gaussian_filter(rng.normal(0, 1, (SIDE, SIDE)), 30)
    bend *= rng.uniform(0, 12) / max(float(np.abs(bend).max()), 1e-6)
    ink = np.zeros((SIDE, SIDE))
    for number, direction in enumerate(rng.uniform(0, np.pi, int(rng.integers(1, 4)))):
        lines = np.sin((X * np.cos(direction) + Y * np.sin(direction)) * rng.uniform(0.6, 1.6) + bend)
        ink = np.maximum(ink, (lines > ranks * 2.2 - 0.9 + 0.3 * number).astype(float))
    paper, color = (
        random_palette(rng, 2) if rng.random() < 0.4 else np.array([[0.95, 0.93, 0.86], [0.08, 0.07, 0.1]])
    )
    return paper + (color - paper) * gaussian_filter(ink, 0.6)[..., None]


KINDS: tuple[Callable[[Array, Rng], Array], ...] = (vivid, flat, tiled, patterned, inked)


def random_palette(rng: Rng, count: int) -> Array:
    """Colors of some related hues, from dark to light, (count, 3) in [0, 1]."""
    hue, spread = rng.random(), rng.uniform(0.05, 0.6)
    colors = [
        colorsys.hsv_to_rgb((hue + rng.normal(0, spread)) % 1, rng.uniform(0.3, 1), value)
        for value in np.linspace(rng.uniform(0, 0.3), rng.uniform(0.8, 1), count)
    ]
    return np.array(colors)


def warped(picture: Array, rng: Rng) -> Array:
    """The picture, bent a little, so that no two graphics of it are alike."""
    shifts = [gaussian_filter(rng.normal(0, 1, (SIDE, SIDE)), 24) for _ in range(2)]
    y, x = (axis + 8 * shift / np.abs(shift).max() for axis, shift in zip((Y, X), shifts, strict=True))
    return np.stack([map_coordinates(picture[..., k], (y, x), order=1, mode="reflect") for k in range(3)], -1)


def graphic(pictures: Sequence[Path], number: int) -> Image.Image:
    """Make a graphic by its number."""
    rng = np.random.default_rng([2026, number])
    with Image.open(pictures[number * 7 % len(pictures)]) as opened:
        picture = np.asarray(_square(opened.convert("RGB")), dtype=float) / 255
    made = KINDS[number % len(KINDS)](warped(picture, rng), rng).clip(0, 1)
    return Image.fromarray(np.uint8(made * 255 + 0.5)).filter(ImageFilter.GaussianBlur(0.4))


def _square(image: Image.Image) -> Image.Image:
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.resize((SIDE, SIDE), Image.Resampling.LANCZOS, (left, top, left + side, top + side))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--from", dest="pictures", type=Path, required=True, help="folder of pictures, searched whole"
    )
    parser.add_argument("--count", type=int, default=400)
    given = parser.parse_args()
    pictures = sorted(path for path in given.pictures.rglob("*.jpg") if path.is_file())
    if not pictures:
        parser.error(f"{given.pictures} has no .jpg pictures")
    given.folder.mkdir(parents=True, exist_ok=True)
    for number in range(given.count):
        graphic(pictures, number).save(given.folder / f"{number:04}.png")


if __name__ == "__main__":
    main()

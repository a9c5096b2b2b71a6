"""State shared by the parts of a synthetic picture: random generator, coordinates, noise, colors, light.

Fields are (S, S) and pictures (3, S, S), float32. Scalars are Python numbers, as NumPy's float64 scalars
would convert all following arrays to float64, which doubles the work.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Field = NDArray[np.floating[Any]]
Labels = NDArray[np.uint8]

# sRGB colors of skies; plants; earth and stone; skin, fur, light, dark and artificial objects
_SKIES = ("8fb8de", "b9d3e8", "5b8fc7", "dfe6ea", "e8b48a", "f0cf9e", "9aa3ad", "34507a", "c98b8f")
_PLANTS = ("3f5a2a", "5f7d36", "75894c", "2c3d20", "8f9a62", "4b6b4f", "8d8a48", "a3733a")
_EARTHS = ("8b7355", "a89272", "6e5a45", "c9b48f", "7d7a74", "a5a19a", "595450", "a5654a", "e0d3b8")
_THINGS = (
    "d9a98a", "8a5a3c", "f2efe6", "1f1d1c", "3a3330", "b83a34", "d8b04a", "3f6f9f", "cb7745", "6b5073",
    "4a8a82", "e7d9c4", "a95570", "4a4e57",
)  # fmt: skip


@dataclass(frozen=True)
class Setting:
    """State of one synthetic picture.

    Attributes:
        rng: generator of all random choices.
        x, y: (S, S) from -1 to 1, rightward and downward.
        smooth, rough: (S, S) noise with mean 0 and variance 1.
        sky, things: matching colors (n, 3) in [0, 1]; `things`, for objects, begins with plants, then earth.
        light: direction towards the light, as x and y.
    """

    rng: np.random.Generator
    x: Field
    y: Field
    smooth: Field
    rough: Field
    sky: Field
    things: Field
    light: tuple[float, float]

    @property
    def size(self) -> int:
        """Side of the picture in pixels."""
        return len(self.x)

    def halved(self) -> Setting:
        """Make the setting at half the size, for parts that will be blurred."""
        x, y, smooth, rough = (
            np.ascontiguousarray(f[::2, ::2]) for f in (self.x, self.y, self.smooth, self.rough)
        )
        return replace(self, x=x, y=y, smooth=smooth, rough=rough)

    def draw(self, low: float, high: float) -> float:
        """Draw a number from a range."""
        return float(self.rng.uniform(low, high))

    def pick(self, *choices: float) -> float:
        """Draw one of the given numbers."""
        return choices[int(self.rng.integers(len(choices)))]

    def count(self, low: int, high: int) -> int:
        """Draw a whole number from `low` to `high`, both included."""
        return int(self.rng.integers(low, high + 1))

    def mixed_things(self, count: int) -> Field:
        """Draw colors of objects, in random order, (count, 3)."""
        return self.things[self.rng.permutation(len(self.things))[:count]]


def arrange(rng: np.random.Generator, size: int) -> Setting:
    """Make a setting from a random generator."""
    x, y = _grid(size)
    angle = float(rng.uniform(-math.pi, 0))
    tint = rng.uniform(0.9, 1.1, 3)
    sky = _colors(rng, _SKIES, 3, tint)
    kinds = ((_PLANTS, 3), (_EARTHS, 3), (_THINGS, int(rng.integers(1, 5))))
    things = np.vstack([_colors(rng, names, count, tint) for names, count in kinds])
    noise = _smooth_noise(rng, size), _rough_noise(rng, size)
    return Setting(rng, x, y, *noise, sky, things, (math.cos(angle), math.sin(angle)))


def to_image(picture: Field) -> Image.Image:
    """Convert a picture to an image in mode RGB; values beyond [0, 1] are clipped."""
    planes = (picture.clip(0, 1) * 255 + 0.5).astype(np.uint8)
    return Image.merge("RGB", [Image.fromarray(plane) for plane in planes])


def to_picture(image: Image.Image) -> Field:
    """Convert an image in mode RGB to a picture (3, H, W) in [0, 1]."""
    planes = np.stack([np.asarray(plane) for plane in image.split()])
    picture: Field = np.divide(planes, 255, dtype=np.float32)
    return picture


@lru_cache(maxsize=4)
def _grid(size: int) -> tuple[Field, Field]:
    line = np.linspace(-1, 1, size, dtype=np.float32)
    return np.tile(line, (size, 1)), np.tile(line[:, None], (1, size))


@lru_cache(maxsize=8)
def _frequencies(size: int) -> tuple[Field, Field]:
    """Squares of the frequencies along y, (size, 1), and x, (1, size // 2 + 1), in cycles per picture."""
    down, right = np.fft.fftfreq(size) * size, np.fft.rfftfreq(size) * size
    return (down.astype(np.float32) ** 2)[:, None], (right.astype(np.float32) ** 2)[None]


def _rough_noise(rng: np.random.Generator, size: int) -> Field:
    """Noise with amplitude about inverse to the frequency, perhaps stretched in one direction."""
    return _noise(rng, size, float(rng.uniform(0.45, 1.1)), 2.0 ** float(rng.normal(0, 1.2)))


def _smooth_noise(rng: np.random.Generator, size: int) -> Field:
    """Noise of low frequencies, computed at a small size, as it has no details."""
    slow = _noise(rng, -(-size // 4), float(rng.uniform(1.3, 1.9)), 2.0 ** float(rng.normal(0, 1)))
    return np.asarray(Image.fromarray(slow).resize((size, size), Image.Resampling.BICUBIC))


def _noise(rng: np.random.Generator, size: int, slope: float, stretch: float) -> Field:
    """Noise (size, size), float32, mean 0, variance 1; amplitude is the frequency to the power of -slope."""
    down, right = _frequencies(size)
    squared = down * stretch + right / stretch
    squared[0, 0] = np.inf
    white = rng.random((2, *squared.shape), np.float32) - 0.5
    field = np.fft.irfft2((white[0] + 1j * white[1]) * squared ** (-slope / 2), (size, size))
    noise: Field = (field / field.std()).astype(np.float32)
    return noise


def _colors(rng: np.random.Generator, names: tuple[str, ...], count: int, tint: Field) -> Field:
    """Draw some of the named colors, each slightly varied, (count, 3)."""
    chosen = [tuple(bytes.fromhex(names[i])) for i in rng.integers(len(names), size=count)]
    varied = np.array(chosen) / 255 * rng.uniform(0.8, 1.15, (count, 1)) + rng.normal(0, 0.02, (count, 3))
    return np.clip(varied * tint, 0.02, 0.98).astype(np.float32)

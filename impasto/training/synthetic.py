"""Synthetic pictures, for training without photos.

The pictures have the properties of photos that a style network needs: occluding objects at all scales (dead
leaves model: Lee, Mumford and Huang 2001), smooth skies, rough and regular textures, shading, blur, natural
colors, and a power spectrum that falls about as the square of the frequency.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from impasto.errors import UsageError
from impasto.training import drawing
from impasto.training.drawing import (
    MOST,
    Field,
    Setting,
    arrange,
    cover,
    scatter,
    shape,
    strew,
    to_image,
    to_picture,
)
from impasto.training.photos import Photos


@dataclass(frozen=True)
class Synthetic(Photos):
    """Synthetic pictures by number, reproducible, each made in about a hundredth of a second.

    Attributes:
        size: side in pixels, at least 16.
        seed: any integer.
        length: number of different pictures.
    """

    size: int = 320
    seed: int = 0
    length: int = 100_000

    def __post_init__(self) -> None:
        if self.size < 16 or self.length < 1:
            raise UsageError(f"no {self.length} synthetic pictures of {self.size} pixels can be made")

    @property
    def description(self) -> str:
        """Number and kind of the pictures."""
        return f"{self.length} synthetic pictures"

    @property
    def summary(self) -> str:
        """Text for a card."""
        return self.description

    def __len__(self) -> int:
        return self.length

    def name(self, index: int) -> str:
        """Name of a picture in messages."""
        return f"synthetic picture {index}"

    def open(self, index: int) -> Image.Image:
        """Make picture number `index`, 0 or more, (size, size), mode RGB."""
        setting = arrange(np.random.default_rng([self.seed % 2**63, index]), self.size)
        scenes, shares = zip(*_SCENES, strict=True)
        scene = scenes[setting.rng.choice(len(scenes), p=shares)]
        return _develop(setting, scene(setting))


def _leafage(s: Setting) -> Field:
    """Make a picture full of overlapping objects."""
    leaves = cover(s, drawing.mottle(s), scatter(s, MOST, s.pick(0.02, 0.04, 0.08), 0.8), s.draw(0, 0.5))
    if s.rng.random() < 0.5:
        return leaves
    return cover(s, leaves, scatter(s, s.count(1, 60), s.pick(0.05, 0.1), 0.9), s.draw(0, 0.5))


def _landscape(s: Setting) -> Field:
    """Make a landscape: sky, ridges, ground, and objects on the ground."""
    horizon = s.draw(-0.6, 0.5)
    scene = np.where(s.y < horizon, drawing.sky(s), drawing.ground(s, horizon))
    scene = drawing.ridges(s, scene, horizon)
    if s.rng.random() < 0.25:
        return scene
    return cover(s, scene, strew(s, s.count(3, 120), 0.03, 0.5, horizon), s.draw(0.1, 0.6))


def _street(s: Setting) -> Field:
    """Make a street: houses under a sky, and objects in front of them."""
    scene = drawing.walls(s, drawing.sky(s))
    return cover(s, scene, strew(s, s.count(4, 60), 0.05, 0.5, 0.2), s.draw(0, 0.5))


def _closeup(s: Setting) -> Field:
    """Make a close-up: a few large, round, sharp objects in front of a blurred background."""
    half = s.halved()
    behind = cover(half, drawing.gradient(half), scatter(s, s.count(5, 60), 0.1, 0.9), 0.3)
    blurred = _defocus(to_image(behind), s.draw(0.005, 0.025) * s.size, s.size)
    count = s.count(1, 8)
    things = shape(s, s.rng.uniform(-0.7, 0.7, (count, 2)), s.rng.uniform(0.2, 0.75, count))
    return cover(s, to_picture(blurred), things, s.draw(0.3, 0.9))


def _surface(s: Setting) -> Field:
    """Make a texture, perhaps with objects on it."""
    kinds = (drawing.masonry, drawing.stripes, drawing.mottle, drawing.gradient)
    surface = kinds[s.count(0, 3)](s)
    if s.rng.random() < 0.3:
        return surface
    return cover(s, surface, scatter(s, s.count(1, 40), 0.08, 0.8), s.draw(0.1, 0.7))


_Scene = Callable[[Setting], Field]
_SCENES: tuple[tuple[_Scene, float], ...] = (
    (_leafage, 0.2),
    (_landscape, 0.3),
    (_street, 0.15),
    (_closeup, 0.2),
    (_surface, 0.15),
)


def _defocus(image: Image.Image, radius: float, size: int) -> Image.Image:
    """Blur and enlarge a picture."""
    blurred = image.filter(ImageFilter.BoxBlur(radius)).filter(ImageFilter.BoxBlur(radius / 2))
    return blurred.resize((size, size), Image.Resampling.BILINEAR)


def _develop(s: Setting, scene: Field) -> Image.Image:
    """Apply exposure, contrast, saturation, and the blur of a lens."""
    contrast, saturation = s.draw(1, 1.6), s.draw(0.4, 0.9)
    gray = scene.mean(0)
    level = float(gray.mean())
    scene *= contrast * saturation
    scene += gray * (contrast * (1 - saturation)) + (s.draw(0.3, 0.6) - level * contrast)
    image = to_image(scene)
    return image.filter(ImageFilter.BoxBlur(s.draw(0.1, 0.5))) if s.rng.random() < 0.3 else image

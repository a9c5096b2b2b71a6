"""Objects ("things") of a synthetic picture, which occlude each other and cast shadows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from impasto.training.synthetic.setting import Field, Labels, Setting, to_picture

MOST = 255  # objects in one layer: their numbers are gray levels of an image
_CORNERS = 24


@dataclass(frozen=True)
class Things:
    """At most 255 objects, from back to front.

    Attributes:
        outlines: (n, corners, 2), x and y; the picture extends from -1 to 1.
        centres, radii: (n, 2) and (n,).
    """

    outlines: Field
    centers: Field
    radii: Field


def scatter(s: Setting, count: int, least: float, most: float) -> Things:
    """Scatter objects everywhere, with a scale-invariant distribution of radii: density radius^-3."""
    radii = _power_law(s, count, least, most)
    return shape(s, s.rng.uniform(-1.1, 1.1, (count, 2)), radii)


def strew(s: Setting, count: int, least: float, most: float, horizon: float) -> Things:
    """Place objects on the ground: objects lower in the picture are nearer, so larger, and in front."""
    y = np.sort(s.rng.uniform(horizon, 1.1, count))
    nearness = (y - horizon) / (1.1 - horizon)
    radii = _power_law(s, count, least, most) * (0.3 + nearness)
    return shape(s, np.stack([s.rng.uniform(-1.1, 1.1, count), y - radii / 2], -1), radii)


def shape(s: Setting, centers: Field, radii: Field) -> Things:
    """Make objects from centers (n, 2) and radii (n,). The objects of a picture have similar shapes."""
    count = len(radii)
    kinds = s.rng.choice(len(_outlines()), size=3)
    slender = np.exp(s.rng.normal(0, 0.25, count))
    unit = _outlines()[s.rng.choice(kinds, size=count)] * np.stack([slender, 1 / slender], -1)[:, None]
    angle = s.draw(0, 2 * math.pi) + s.rng.normal(0, s.pick(0.1, 3.0), count)
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)
    turned = unit @ turn.swapaxes(1, 2)
    return Things(centers[:, None] + radii[:, None, None] * turned, centers, radii)


def cover(s: Setting, behind: Field, things: Things, relief: float) -> Field:
    """Draw objects in front of a picture (3, S, S); `relief`, 0 to about 1, is their apparent roundness."""
    count = len(things.radii)
    labels = _draw(things, s.size)
    label = np.ascontiguousarray(np.asarray(labels)[::2, ::2])
    colors = s.things[s.rng.integers(len(s.things), size=count)] * s.rng.uniform(0.7, 1.3, (count, 1))
    shade = _shade(s, things, label, relief)
    flat, hidden = _flat(labels, colors.clip(0, 1))
    flat *= shade
    flat += behind * hidden
    flat *= _shadow(s, label)
    return flat


def _power_law(s: Setting, count: int, least: float, most: float) -> Field:
    share = s.rng.random(count)
    radii: Field = (share * most**-2 + (1 - share) * least**-2) ** -0.5
    return radii


@lru_cache(maxsize=1)
def _outlines() -> Field:
    """Make outlines (kinds, corners, 2) of radius about 1: round, box, leaf, triangle, strip, blob, star."""
    angle = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], -1)
    box = circle / np.abs(circle).max(-1, keepdims=True) * 0.85
    leaf = np.stack([np.cos(angle), 0.45 * np.sin(angle) * np.abs(np.sin(angle))], -1)
    triangle = circle * (0.6 / np.cos(angle % (2 * np.pi / 3) - np.pi / 3))[:, None]
    waves = 0.2 * np.sin(2 * angle + 1) + 0.15 * np.sin(3 * angle + 4) + 0.08 * np.sin(5 * angle + 2)
    blob = circle * (1 + waves)[:, None]
    star = circle * np.where(np.arange(_CORNERS) % 3 == 0, 1.2, 0.6)[:, None]
    strip = box * [2.2, 0.12]
    return np.stack([circle, circle, box, box, leaf, leaf, triangle, strip, blob, blob, star])


def _draw(things: Things, size: int) -> Image.Image:
    """Draw the number of the visible object at each pixel, 1 to 255, at twice the size; 0 is background."""
    labels = Image.new("P", (2 * size, 2 * size))
    draw = ImageDraw.Draw(labels)
    corners = (things.outlines * size + size).reshape(len(things.radii), -1)
    for number, outline in enumerate(corners.tolist(), 1):
        draw.polygon(outline, fill=number)
    return labels


def _flat(labels: Image.Image, colors: Field) -> tuple[Field, Field]:
    """Draw each object in one color on black, (3, S, S), and the background's share of each pixel, (S, S)."""
    palette = np.rint(np.vstack([np.zeros((1, 3)), colors]) * 255).astype(np.uint8)
    labels.putpalette(palette.tobytes())
    none = np.asarray(Image.fromarray((np.asarray(labels) == 0).astype(np.uint8) * 255).reduce(2))
    return to_picture(labels.convert("RGB").reduce(2)), np.divide(none, 255, dtype=np.float32)


def _shade(s: Setting, things: Things, label: Labels, relief: float) -> NDArray[np.float32]:
    """Shading factor, (S, S): falls along the light and from an object's center, as polynomials."""
    count, (x, y), radius = len(things.radii), things.centers.T, things.radii
    slope = relief * s.rng.uniform(0.2, 1, count) / radius
    bulge = relief * s.rng.uniform(0, 0.4, count) / radius**2
    right, down = slope * s.light[0], slope * s.light[1]
    terms = (
        (s.x, right + 2 * bulge * x),
        (s.y, down + 2 * bulge * y),
        (s.x * s.x + s.y * s.y, -bulge),
        (s.smooth, np.abs(s.rng.normal(0, 0.06, count))),
        (s.rough, np.abs(s.rng.normal(0, 0.14, count))),
    )
    constant = 1 - right * x - down * y - bulge * (x * x + y * y)
    shade = _by_label(constant, label)
    for field, weight in terms:
        shade += field * _by_label(weight, label)
    return np.clip(shade, 0.1, 2, out=shade)


def _by_label(values: Field, label: Labels) -> NDArray[np.float32]:
    return np.concatenate([[0], values]).astype(np.float32).take(label)


def _shadow(s: Setting, label: Labels) -> Field:
    """Shadow factor, (S, S): darker beside nearer objects, away from the light."""
    near = Image.fromarray(np.ascontiguousarray(label[::2, ::2]))
    reach = s.draw(0.01, 0.04) * near.width
    toward = (1, 0, s.light[0] * reach, 0, 1, s.light[1] * reach)
    around = near.filter(ImageFilter.BoxBlur(reach)).transform(near.size, Image.Transform.AFFINE, toward)
    above = np.asarray(around, np.int16) - np.asarray(near, np.int16)
    dark = Image.fromarray((above * s.draw(1, 4)).clip(0, 140).astype(np.uint8))
    wide = dark.filter(ImageFilter.BoxBlur(1)).resize((s.size, s.size), Image.Resampling.BILINEAR)
    light: Field = np.divide(255 - np.asarray(wide), 255, dtype=np.float32)
    return light

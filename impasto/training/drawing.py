"""Parts of synthetic pictures: random numbers, coordinates and colors; objects; surfaces."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

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
MOST = 255  # objects in one layer: their numbers are gray levels of an image
_CORNERS = 24


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


def ramp(colors: Field, at: Field) -> Field:
    """Interpolate evenly spaced colors, (n, 3), at positions in [0, 1], smoothly from first to last."""
    fine, stops = np.linspace(0, len(colors) - 1, 256), np.arange(len(colors))
    place = (at.clip(0, 1) * 255).astype(np.uint8)
    picture = np.empty((3, *at.shape), np.float32)
    for plane, channel in zip(picture, colors.T, strict=True):
        np.interp(fine, stops, channel).astype(np.float32).take(place, out=plane, mode="clip")
    return picture


def blend(picture: Field, other: Field | float, share: Field) -> Field:
    """Blend a share of another picture into a picture, in place."""
    picture *= 1 - share
    picture += other * share
    return picture


def gradient(s: Setting) -> Field:
    """Make a smooth gradient of colors in a random direction, with little noise."""
    angle = math.pi / 2 + s.draw(-1, 1)
    along = s.x * math.cos(angle) + s.y * math.sin(angle)
    colors = s.sky if s.rng.random() < 0.5 else s.mixed_things(3)
    return ramp(colors, 0.5 + 0.4 * along + s.draw(0, 0.08) * s.smooth)


def sky(s: Setting) -> Field:
    """Make a sky: a vertical gradient, and often clouds."""
    clear = ramp(s.sky, 0.5 + 0.5 * s.y)
    if s.rng.random() < 0.4:
        return clear
    cover = ((s.smooth + 0.25 * s.rough - s.draw(-0.5, 1.5)) * s.draw(0.3, 1)).clip(0, 1)
    return blend(clear, s.draw(0.75, 1.05), cover * cover * (3 - 2 * cover))


def mottle(s: Setting) -> Field:
    """Make patches of colors from noise: stone, fur, water, distant foliage."""
    share = s.draw(0, 1)
    field = s.smooth * share + s.rough * (1 - share)
    return ramp(s.mixed_things(s.count(2, 4)), 0.5 + field * s.draw(0.1, 0.3))


def stripes(s: Setting) -> Field:
    """Make bands or waves of two colors: cloth, fences, plowed fields."""
    across, _ = _slanted(s, s.draw(3, 30))
    wave = np.sin(2 * math.pi * (across + s.draw(0, 0.4) * s.smooth))
    shade = 1 + s.draw(0, 0.2) * s.rough + s.draw(-0.3, 0.3) * s.x
    return ramp(s.mixed_things(2), 0.5 + s.draw(0.3, 2) * wave) * shade


def masonry(s: Setting) -> Field:
    """Make bricks, tiles, planks or windows, seen at an angle."""
    across, down = _slanted(s, s.draw(4, 26))
    down = down * s.pick(0.5, 1.0, 2.0, 0.15)
    row = np.floor(down)
    across = across + s.pick(0.0, 0.5) * row
    column = np.floor(across)
    edge = np.minimum(0.5 - np.abs(across - column - 0.5), 0.5 - np.abs(down - row - 0.5))
    inside = ((edge - s.draw(0.02, 0.2)) * s.draw(12, 40) + 0.5).clip(0, 1)
    stone, joint = s.mixed_things(2)[:, :, None, None]
    own = _cell_noise(row, column) * s.draw(0, 0.5)
    body = stone * (0.85 + own + s.draw(0.03, 0.15) * s.rough)
    return blend(body, joint, 1 - inside)


def ground(s: Setting, horizon: float) -> Field:
    """Make a plane below the horizon (a y), whose texture is finer and fainter in the distance."""
    depth = 0.25 / (np.maximum(s.y[:, :1] - horizon, 0) + 0.06)
    column = ((s.x * depth * 0.8 + 5) * s.size).astype(np.int32) % s.size
    row = (depth * s.size).astype(np.int32) % s.size
    field = (s.rough + s.smooth * s.draw(0, 1))[row, column] / (1 + 0.4 * depth)
    return ramp(s.things[s.count(0, 3) :][:4], 0.4 + s.draw(0.08, 0.25) * field + 0.2 * s.y)


def ridges(s: Setting, behind: Field, horizon: float) -> Field:
    """Draw hills or tree lines on the horizon in front of a picture, paler in the distance."""
    texture = 0.9 + s.draw(0.05, 0.25) * s.rough
    count = s.count(1, 3)
    for number in range(1, count + 1):
        nearness = number / count
        profile = s.smooth[s.count(0, s.size - 1)]
        ragged = s.pick(0.0, 0.02, 0.05) * s.rough[s.count(0, s.size - 1)]
        height = s.draw(0.02, 0.35) * (1.3 - nearness)
        top = horizon - height * (profile + 1.5).clip(0) - ragged
        inside = ((s.y - top) * (s.size / 3)).clip(0, 1) * (s.y < horizon + 0.02)
        color = s.things[number % len(s.things)] * nearness + s.sky[-1] * (1 - nearness)
        behind = blend(behind, color[:, None, None] * texture, inside)
    return behind


def walls(s: Setting, behind: Field) -> Field:
    """Draw houses with rows of windows in front of a picture."""
    inside = np.zeros(s.x.shape, bool)
    for left in np.linspace(-1.1, 1.0, s.count(2, 6)).tolist():
        right, top = left + s.draw(0.2, 1.2), s.draw(-1.1, 0.4)
        inside |= (s.x > left) & (s.x < right) & (s.y > top + 0.1 * s.x)
    return np.where(inside, masonry(s), behind)


def _slanted(s: Setting, count: float) -> tuple[Field, Field]:
    """Coordinates on a turned plane that recedes, about `count` units from edge to edge."""
    angle = float(s.rng.normal(0, 0.25))
    depth = (count / 2) / (1 + s.draw(-0.45, 0.45) * s.x + s.draw(-0.45, 0.45) * s.y)
    cos, sin = math.cos(angle), math.sin(angle)
    return (s.x * cos + s.y * sin) * depth, (s.y * cos - s.x * sin) * depth


def _cell_noise(row: Field, column: Field) -> Field:
    """Pseudorandom number in [-0.5, 0.5] for each cell of a lattice."""
    mixed = np.sin(row * 12.9898 + column * 78.233) * 43.7585
    return mixed - np.floor(mixed) - 0.5

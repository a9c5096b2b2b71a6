"""Surfaces of a synthetic picture: skies, ground, walls, textures. Each is (3, S, S)."""

from __future__ import annotations

import math

import numpy as np

from impasto.training.synthetic.setting import Field, Setting


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

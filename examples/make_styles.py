"""Paint the style pictures that impasto ships, from a seed, with NumPy and Pillow alone.

    python examples/make_styles.py [NAME ...] [--out FOLDER]

Every picture is planned on a plane of 768 x 608 units: fields of color and direction are arrays over it,
and strokes, panes and contours are curves in it. A `Canvas` draws them larger, lights the relief of the
paint and scales the result down, so a picture can be asked for at any width.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFilter

Array = NDArray[np.float64]
Finger = tuple[Array, Array]  # the points along a finger of foam, and its radii there

WIDTH, HEIGHT, OVERSAMPLING = 768, 608, 3
FOLDER = Path(__file__).parents[1] / "impasto" / "styles" / "pictures"
Y, X = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)


# --- colors, fields and curves --------------------------------------------------------------------------


def palette(colors: str) -> Array:
    """Hexadecimal colors ("1b2a6b f7bf2c") as rows of red, green and blue from 0 to 255."""
    return np.array([list(bytes.fromhex(color)) for color in colors.split()], dtype=float)


def ramp(colors: str, t: Array | float) -> Array:
    """Colors at the positions `t` (0 to 1) along a palette, blended linearly."""
    stops = palette(colors)
    return np.stack([np.interp(t, np.linspace(0, 1, len(stops)), channel) for channel in stops.T], axis=-1)


def mix(a: Array, b: Array, weight: Array) -> Array:
    """`a` where the weight is 0, `b` where it is 1."""
    return a + (b - a) * weight[..., None]


def step(edge: float, soft: float, value: Array) -> Array:
    """A smooth step from 0 to 1 as the value passes the edge."""
    t = np.clip((value - edge) / soft + 0.5, 0, 1)
    return t * t * (3 - 2 * t)


def noise(rng: np.random.Generator, cell: float, stretch: float = 1.0) -> Array:
    """Smooth noise over the plane, about -1 to 1, with features of `cell` units (wider by `stretch`)."""
    shape = (int(HEIGHT / cell) + 4, int(WIDTH / cell / stretch) + 4)
    small = Image.fromarray(rng.normal(0, 0.6, shape).astype(np.float32))
    return np.asarray(small.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC), dtype=float)


def at(field: Array, points: Array) -> Array:
    """The field's values at points (x, y) of the plane."""
    x, y = np.clip(points, 0, [WIDTH - 1, HEIGHT - 1]).astype(int).T
    return field[y.T, x.T]


def direction(angle: ArrayLike) -> Array:
    """Unit vectors (x, y)."""
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def along(flow: Array) -> Array:
    """The angles of a flow's streamlines, the curves on which it is constant."""
    return np.arctan2(-np.gradient(flow, axis=1), np.gradient(flow, axis=0))


def turn(angle: Array, towards: Array, weight: Array) -> Array:
    """Angles turned to others; a stroke has no front, so opposite angles are the same."""
    x, y = np.moveaxis(mix(direction(2 * angle), direction(2 * towards), weight), -1, 0)
    return np.arctan2(y, x) / 2


def spline(points: ArrayLike, pieces: int = 24) -> Array:
    """A smooth curve (Catmull-Rom) through points."""
    p = np.asarray(points, dtype=float)
    p = np.vstack([2 * p[0] - p[1], p, 2 * p[-1] - p[-2]])
    t = np.linspace(0, 1, pieces, endpoint=False)[:, None, None]
    a, b, c, d = p[:-3], p[1:-2], p[2:-1], p[3:]
    curve = b + t * (c - a) / 2 + t**2 * (a - 2.5 * b + 2 * c - d / 2) + t**3 * (1.5 * (b - c) + (d - a) / 2)
    return np.vstack([curve.transpose(1, 0, 2).reshape(-1, 2), p[-2]])


# --- canvas and brushes ----------------------------------------------------------------------------------


class Canvas:
    """An oversampled picture whose alpha channel holds the thickness of the paint."""

    def __init__(self, rng: np.random.Generator, width: int, ground: str) -> None:
        self.rng, self.size = rng, (width, round(width * HEIGHT / WIDTH))
        self.scale = OVERSAMPLING * width / WIDTH
        large = (OVERSAMPLING * self.size[0], OVERSAMPLING * self.size[1])
        self.image = Image.new("RGBA", large, (*bytes.fromhex(ground), 0))
        self.draw = ImageDraw.Draw(self.image)

    def polygon(self, points: Array, color: Array | str, thickness: int = 0) -> None:
        """Fill a closed outline."""
        self.draw.polygon((points * self.scale).ravel().tolist(), pixel(color, thickness))

    def trail(self, points: Array, radii: ArrayLike, color: Array | str, thickness: int = 0) -> None:
        """Draw a round-ended line, or one dot, whose radius may change along it."""
        points, radii = points * self.scale, np.broadcast_to(radii, len(points)) * self.scale
        length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
        fine = np.linspace(0, length[-1], int(length[-1] / max(1.0, 0.35 * radii.mean())) + 2)
        x, y, r = (np.interp(fine, length, values) for values in (*points.T, radii))
        for box in np.stack([x - r, y - r, x + r, y + r], axis=-1).tolist():
            self.draw.ellipse(box, pixel(color, thickness))

    def finish(self, relief: float = 0, gloss: float = 0, texture: Array | None = None) -> Image.Image:
        """Light the relief from the upper left, scale down, and multiply by a texture of the plane."""
        color = np.asarray(self.image)[..., :3].astype(np.float32)
        if relief:
            thickness = self.image.getchannel("A").filter(ImageFilter.GaussianBlur(0.6 * self.scale))
            dy, dx = np.gradient(np.asarray(thickness, dtype=np.float32) * (relief / 255 * self.scale))
            facing = (1 + 0.6 * dx + 0.8 * dy) / np.sqrt(1 + dx**2 + dy**2)
            color *= np.clip(0.25 + 0.75 * facing, 0.35, 1.5)[..., None]
            color += (255 * gloss) * np.clip(facing - 1.12, 0, 0.5)[..., None]
        lit = Image.fromarray(color.clip(0, 255).astype(np.uint8)).resize(self.size, Image.Resampling.LANCZOS)
        if texture is None:
            return lit
        grain = Image.fromarray(texture.astype(np.float32)).resize(self.size, Image.Resampling.BICUBIC)
        return Image.fromarray((np.asarray(lit) * np.asarray(grain)[..., None]).clip(0, 255).astype(np.uint8))


def pixel(color: Array | str, thickness: int) -> tuple[int, ...]:
    """What a canvas stores for a color and a thickness of paint."""
    rgb = bytes.fromhex(color) if isinstance(color, str) else color.clip(0, 255).astype(int).tolist()
    return (*rgb, thickness)


def follow(angle: Array, centers: Array, length: Array, steps: int = 14) -> Array:
    """Paths (strokes, steps + 1, 2) of the given lengths along a field of angles, through their centres."""
    halves: dict[int, list[Array]] = {-1: [], 1: []}
    for sign, half in halves.items():
        points, heading = centers, sign * direction(at(angle, centers))
        for _ in range(steps // 2):
            prefetch = direction(at(angle, points))
            heading = prefetch * np.where((prefetch * heading).sum(axis=-1) < 0, -1, 1)[:, None]
            points = points + heading * (length / steps)[:, None]
            half.append(points)
    return np.stack([*halves[-1][::-1], centers, *halves[1]], axis=1)


def brush(canvas: Canvas, color: Array, paths: Array, width: float, bristles: int = 7) -> None:
    """Stroke along each path: tapered bundles of bristles, each with its own shade, reach and thickness."""
    rng, (strokes, steps) = canvas.rng, paths.shape[:2]
    tangent = np.gradient(paths, axis=1)
    tangent /= np.linalg.norm(tangent, axis=-1, keepdims=True) + 1e-9
    normal = np.stack([-tangent[..., 1], tangent[..., 0]], axis=-1)
    taper = np.sin(np.pi * np.linspace(0.04, 0.96, steps)) ** 0.45
    across = np.linspace(-0.5, 0.5, bristles)
    reach = width * rng.uniform(0.75, 1.15, (strokes, 1, 1, 1)) * taper[:, None]
    lanes = paths[:, None] + across[:, None, None] * reach * normal[:, None]
    one_side = at(color, paths[:, steps // 2]) + rng.normal(0, 14, (strokes, 1)) * [1, 1, 0.8]
    other = one_side + rng.normal(0, 14, (strokes, 3))
    tones = mix(one_side[:, None], other[:, None], np.tile(across + 0.5, (strokes, 1)))
    tones += rng.normal(0, 7, (strokes, bristles, 1))
    thickness = 120 + 260 * across**2 + rng.uniform(-55, 55, (strokes, bristles))
    fills = np.dstack([tones, thickness]).clip(0, 255).astype(int)
    first, last = rng.integers(0, steps // 4, (2, strokes, bristles))
    size = max(1, round(1.7 * width * canvas.scale / bristles))
    for lane, ink, start, stop in zip(lanes * canvas.scale, fills.tolist(), first, steps - last, strict=True):
        for k in rng.permutation(bristles):
            canvas.draw.line(lane[k, start[k] : stop[k]].ravel().tolist(), tuple(ink[k]), size)


def paint(canvas: Canvas, color: Array, angle: Array, layers: Sequence[tuple[float, float, float]]) -> None:
    """Cover the plane with layers of strokes: the (width, length, spacing) of each."""
    for width, length, spacing in layers:
        x, y = np.meshgrid(np.arange(-12, WIDTH + 12, spacing), np.arange(-12, HEIGHT + 12, spacing))
        centers = canvas.rng.permutation(np.stack([x, y], axis=-1).reshape(-1, 2))
        centers = centers + canvas.rng.uniform(-0.75, 0.75, centers.shape) * spacing
        lengths = length * canvas.rng.uniform(0.6, 1.25, len(centers))
        brush(canvas, color, follow(angle, centers, lengths), width)


# --- swirling night: x, y, radius (and strength) ---------------------------------------------------------

EDDIES = (250, 225, 165, 330), (520, 330, 95, -150), (20, 400, 95, -130), (715, 330, 80, 110)
LARGE_STARS = (78, 92, 44), (418, 92, 54), (585, 190, 34), (690, 78, 50), (300, 36, 26), (60, 250, 26)
SMALL_STARS = (525, 50, 28), (392, 268, 26), (640, 290, 22), (148, 392, 26), (395, 405, 24), (610, 405, 26)
LAMPS = (60, 128, 236, 300, 438, 486, 604, 690)


def night_sky(rng: np.random.Generator) -> tuple[Array, Array]:
    """Colors and angles of eddying bands and of stars in their rings."""
    flow = 0.55 * Y + 14 * noise(rng, 170) + 4 * noise(rng, 60)
    turns = 0.1 * noise(rng, 45)
    for x, y, radius, strength in EDDIES:
        flow += strength * np.exp(-((np.hypot(X - x, 1.1 * (Y - y)) / radius) ** 1.5))
        turns += np.sign(strength) * np.arctan2(Y - y, X - x) / np.pi
    bands, angle = flow / 36 + turns, along(flow)
    color = ramp("0b1440 16277a 2348ae 3a7cc8 5fb0c9 b4dccb 1d3c9a 0e1a56", bands % 1)
    glow = step(330, 260, Y + 30 * noise(rng, 80)) * step(0.1, 1.2, np.sin(2 * np.pi * (bands - 0.3)))
    color = mix(color, palette("e6dc96")[0], 0.8 * glow)
    for x, y, radius in LARGE_STARS + SMALL_STARS:
        distance = np.hypot(X - x, Y - y) / radius
        edge = distance + 0.14 * noise(rng, 12) + 0.1 * noise(rng, 5)
        star = ramp("fffdf0 fff3b4 fdd23c f6a81c f8d95e e9e6a4 9fd0c0 4f9cc6", edge / 1.5)
        color = mix(color, star, 1 - step(1.3, 0.3, edge + 0.25 * noise(rng, 6)))
        angle = turn(angle, np.arctan2(X - x, y - Y), 1 - step(1.6, 0.6, distance))
    return color, angle


def swirling_night(rng: np.random.Generator, width: int) -> Image.Image:
    """A starry sky of eddies over dark hills and a lake that carries the lights of its shore."""
    color, angle = night_sky(rng)
    ridge = Y - (462 + 22 * np.sin(X / 95 + 0.6) + 12 * np.sin(X / 41))
    hills = ramp("1f4a7a 0f2350 14402f 2f6b4a 101a3a", ridge / 62 + 0.12 * noise(rng, 16, 3))
    color, angle = mix(color, hills, step(0, 2, ridge)), turn(angle, along(ridge), step(-4, 8, ridge))
    lake = ramp("0b1440 1b3590 2f66b4 5aa3c4 12226a", 0.5 + 0.4 * noise(rng, 9, 7))
    for x in LAMPS:
        spread = np.abs(X - x + 4 * noise(rng, 8, 3)) / (5 + 0.13 * (Y - 522))
        reflection = ramp("fff0a8 fbc02c e8791c", spread / 1.6)
        lake = mix(lake, reflection, 1 - step(1.0, 0.8, spread + 0.5 * noise(rng, 5, 5)))
        lamp = np.hypot(X - x, Y - 512) / 8
        color = mix(color, ramp("fffbe6 fbc02c e8791c", lamp), 1 - step(1, 0.3, lamp))
    shore = step(522, 3, Y)
    canvas = Canvas(rng, width, "0b1440")
    color, angle = mix(color, lake, shore), turn(angle, 0.12 * noise(rng, 30, 3), shore)
    paint(canvas, color, angle, ((14, 75, 10), (8.5, 50, 7.5), (5.5, 32, 6.5)))
    return canvas.finish(relief=2.2, gloss=0.5)


# --- burning sky -----------------------------------------------------------------------------------------

CURLS = (590, 130, 130, 150), (190, 220, 120, -150), (60, 40, 80, 90), (430, 335, 85, 90)


def burning_sky(rng: np.random.Generator, width: int) -> Image.Image:
    """Flames of evening cloud rolling over a dark fjord."""
    flow = Y + 22 * np.sin(X / 118 + 2 * noise(rng, 220)) + 26 * noise(rng, 120, 2) + 8 * noise(rng, 45, 2)
    bands = 0.08 * noise(rng, 20, 4)
    for x, y, radius, strength in CURLS:
        flow += strength * np.exp(-((np.hypot(0.62 * (X - x), Y - y) / radius) ** 1.5))
        bands += np.sign(strength) * np.arctan2(Y - y, 0.62 * (X - x)) / (2 * np.pi)
    flames = "6e1010 b81e10 e8480f f98a1c fdc23e fbe7a4 f59a26 d8330e 8c1512 1d5560 123a48"
    sky = ramp(flames, (bands + flow / 54) % 1)
    shore = Y - (354 + 0.16 * X + 26 * np.sin(X / 130 + 1.2))
    fjord = 0.4 * flow + 0.8 * Y + 16 * np.sin(X / 70 + Y / 40)
    water = ramp("071c2c 0f3c4c 1c6a6c 3f9a86 0c2c44 e8702a 0a2236", (fjord / 60) % 1)
    canvas = Canvas(rng, width, "3a0d0c")
    color, angle = mix(sky, water, step(0, 3, shore)), turn(along(flow), along(fjord), step(0, 20, shore))
    paint(canvas, color, angle, ((20, 150, 13), (11, 110, 9), (6, 70, 8)))
    return canvas.finish(relief=2.0, gloss=0.35)


# --- woodblock sea ---------------------------------------------------------------------------------------

INK, FOAM = "14203a", "f6efdc"
MISTS = (
    *((60, 60, 170), (-20, 84, 200), (90, 108, 90), (560, 66, 260), (480, 90, 210)),
    *((640, 290, 160), (560, 314, 240), (620, 338, 200), (40, 250, 60), (-10, 274, 130)),
)  # x, y, length
BACK = spline(
    [(0.95, 0.60), (0.94, 0.74), (0.86, 0.90), (0.72, 1.0), (0.54, 0.97), (0.36, 0.80), (0.20, 0.50),
     (0.02, 0.2), (-0.3, -0.05)]
)  # fmt: skip
FACE = spline(
    [(0.95, 0.60), (0.89, 0.70), (0.79, 0.76), (0.68, 0.74), (0.59, 0.64), (0.55, 0.46), (0.60, 0.25),
     (0.78, 0.07), (1.15, -0.05)]
)  # fmt: skip


def claw(rng: np.random.Generator, root: Array, heading: float, length: float, bend: float) -> list[Finger]:
    """A hooked finger of foam and the smaller ones that branch from it."""
    t = np.linspace(0, 1, 14)
    angles = heading + bend * 1.7 * t**1.5
    points = root + np.cumsum(direction(angles), axis=0) * (length / 14)
    fingers = [(points, length * (0.125 * (1 - t) ** 0.8 + 0.022))]
    if length > 15:
        for k, side in ((5, 0.85), (8, -0.65), (11, 0.75)):
            branch = length * rng.uniform(0.4, 0.58)
            fingers += claw(rng, points[k], angles[k] + side * bend, branch, bend)
    return fingers


def foam(canvas: Canvas, fingers: list[Finger]) -> None:
    """Draw fingers of foam as one shape: ink around, paper within, a pale shadow in the larger ones."""
    for border, color in ((1.3, INK), (0, FOAM)):
        for points, radii in fingers:
            canvas.trail(points, radii + border, color)
    for points, radii in fingers:
        if radii[0] > 2.2 and len(radii) > 5:
            canvas.trail(points[2:-3] + 0.3 * radii[2:-3, None], 0.28 * radii[2:-3], "9cbfc9")


def crest(canvas: Canvas, lip: Array, size: float, bend: float, lean: tuple[float, float]) -> None:
    """Claws of foam along a wave's lip, larger towards its tip, leaning off its direction."""
    gap = travelled = 0.0
    for k in range(int(len(lip) * 0.62), 1, -1):
        travelled += np.hypot(*(lip[k] - lip[k - 1]))
        if travelled >= gap:
            dx, dy = lip[k - 1] - lip[k + 1]
            heading = np.arctan2(dy, dx) + bend * canvas.rng.uniform(*lean)
            length = size * canvas.rng.uniform(0.8, 1.2) * (1 - 1.1 * k / len(lip))
            foam(canvas, claw(canvas.rng, lip[k], heading, length, bend))
            gap = travelled + 0.5 * length


def wave(canvas: Canvas, x: float, y: float, width: float, height: float) -> None:
    """A curling wave (to the left if the width is negative): striped body, contours, foam and spray."""
    back, face = (curve * [width, -height] + [x, y] for curve in (BACK, FACE))
    tones = palette("1c3d6b e9e2c8 2b5b8f 9cc0c8 1c3d6b 5c93b4 17335c 9cc0c8 2b5b8f dfe3d0")
    edges = [back + (face - back) * s for s in (0, 0.09, 0.2, 0.28, 0.4, 0.47, 0.6, 0.7, 0.84, 0.92, 1)]
    for tone, (left, right) in zip(tones, pairwise(edges), strict=True):
        canvas.polygon(np.vstack([left, right[::-1]]), tone)
    for edge in edges:
        canvas.trail(edge, 0.6 + 1.3 * np.sin(np.linspace(0.15, np.pi, len(edge))), INK)
    for s in np.linspace(0.02, 0.98, 40):
        canvas.trail((back + (face - back) * s)[len(back) // 3 :], 0.35, INK)
    for row, share, lean in ((1, 0.75, (0.2, 0.7)), (0.5, 0.8, (0.2, 0.7)), (0, 1, (-0.7, -0.2))):
        crest(canvas, back + (face - back) * row, share * height / 6.5, np.sign(width), lean)
    shift = [0.07 * width, -0.04 * height]
    for drop in canvas.rng.normal(back[: len(back) // 2 : 2] + shift, height / 14):
        foam(canvas, [(drop[None], canvas.rng.uniform(1.2, 2.2, 1) ** 1.7)])


def swells(canvas: Canvas, y: float, height: float, period: float) -> None:
    """A row of striped swells across the picture, with foam on the crests."""
    t = np.linspace(-0.5, WIDTH / period + 0.5, 600)
    swing = 2 * np.pi * (t + canvas.rng.uniform())
    crests = np.cos(swing) * (1 + 0.3 * np.sin(2.1 * t))
    for k, tone in enumerate(palette("2b5b8f 9cc0c8 1c3d6b 5c93b4 17335c dfe3d0 2b5b8f")):
        x = period * (t + 0.15 * 0.82**k * np.sin(swing))
        line = np.stack([x, y + height * (0.34 * k - 0.82**k * crests)], axis=-1)
        canvas.polygon(np.vstack([line, [[WIDTH + period, 2 * HEIGHT], [-period, 2 * HEIGHT]]]), tone)
        canvas.trail(line, 0.6 + 0.45 * (1 + np.cos(swing)), INK)
    for i in np.flatnonzero(np.cos(swing) > 0.45)[::5]:
        root = [period * (t[i] + 0.15 * np.sin(swing[i])), y - height * crests[i]]
        size = height * canvas.rng.uniform(0.35, 0.7)
        foam(canvas, claw(canvas.rng, np.array(root), canvas.rng.uniform(0.1, 0.9), size, 1))


def woodblock_sea(rng: np.random.Generator, width: int) -> Image.Image:
    """Clawed waves before a red sun, in flat colors with inked contours."""
    canvas, grain = Canvas(rng, width, "efe2c2"), 26 * noise(rng, 130, 2)[:, ::4]
    for y in range(0, 450, 5):
        band = np.array([[0, y], [WIDTH, y], [WIDTH, y + 6], [0, y + 6]])
        canvas.polygon(band, ramp("2f4a78 7f9cae d9d5bb f0dfb8 f2cfa0", y / 450))
    for y in range(-40, 470, 5):
        line = np.stack([np.linspace(0, WIDTH, grain.shape[1]), y + grain[max(y, 0)]], axis=-1)
        canvas.trail(line, 0.4, ramp("1f3763 8795a0 d9b98c d99f74", y / 430))
    for radius, color in ((76, INK), (74, "d2452b")):
        canvas.trail(np.array([[606, 186]]), radius, color)
    for x, y, length in MISTS:
        for inset, radius, color in ((0, 12, INK), (0, 10.8, FOAM), (14, 2, "e3c9a4")):
            bar = np.array([[x + inset, y + inset / 3], [x + length - inset, y + inset / 3]])
            canvas.trail(bar, radius, color)
    swells(canvas, 430, 18, 120)
    swells(canvas, 475, 22, 160)
    wave(canvas, 870, 610, -430, 300)
    wave(canvas, -60, 600, 640, 540)
    swells(canvas, 560, 26, 210)
    return canvas.finish(texture=1 + 0.025 * noise(rng, 3, 4) + 0.03 * noise(rng, 14))


# --- stained glass ---------------------------------------------------------------------------------------

LEAD = "15131c"
CORNERS = [[0, 0], [0, 1], [1, 1], [1, 0], [0, 0]]
SQUARE = np.stack([np.interp(np.arange(0, 4, 1 / 8), range(5), side) for side in zip(*CORNERS, strict=True)])
SUN = np.array([500.0, 225.0])
RINGS = 30, 54, 80, 110, 144, 182, 224, 272, 326, 386, 452, 524, 604, 692
HILLS = (
    (46, "3a2a8a 5a3ab0 2a4ab8", (0, 0.5, 2)),
    (34, "0f6a8a 1a8aa0 147a6a", (0, 0.5, 2)),
    (26, "1f8a4a 7ab83a 0f6a4a", (0, 0.5, 2)),
    (8, "1a4aa8 2a8ad0 5ac0d8", (0, 0.5, 1, 1.5, 2, 2.5)),
)  # height, colors, rows of panes
GREENS, AUTUMN = "1f8a3c 7fc23a 0f6a4a c9d43c 3aa84a e8a82a", "e2401f f28a1e c8202a ffc23a 7fc23a"
BOUGHS = (
    ([(45, 300), (110, 220), (200, 190), (300, 205)], 7, 34, GREENS),
    ([(65, 130), (150, 70), (260, 50), (390, 62)], 7, 34, GREENS),
    ([(38, 420), (110, 380), (170, 390), (230, 430)], 6, 32, GREENS),
    ([(742, 500), (690, 480), (640, 500)], 5, 32, AUTUMN),
    ([(-10, 620), (40, 470), (30, 330), (70, 200), (60, 60), (110, -30)], 15, 40, GREENS),
    ([(790, 620), (735, 540), (745, 450), (700, 380)], 8, 36, AUTUMN),
    ([(250, 640), (270, 570), (330, 530), (400, 530)], 5, 32, AUTUMN),
)  # path, girth, length of leaves, colors


def pane(canvas: Canvas, outline: Array, color: Array, lead: float = 2.6) -> None:
    """A pane of glass, a little brighter and of another hue towards its middle, in a leaden frame."""
    centre, drift = outline.mean(axis=0), canvas.rng.normal(0, 16, 3)
    tone = color * canvas.rng.uniform(0.75, 1.1) + canvas.rng.normal(0, 9, 3)
    for t in np.arange(0, 1, 0.1):
        canvas.polygon(centre + (outline - centre) * (1 - t), tone * (0.85 + 0.3 * t) + drift * t, 40)
    ring = np.vstack([outline, outline[:1]])
    canvas.trail(ring, lead, LEAD, 120)
    canvas.trail(ring, 0.4 * lead, "2c2a36", 190)


def glass_sky(canvas: Canvas) -> None:
    """Rings of panes that swirl out from the sun, from white through fire to night."""
    glow = "fff2b8 ffd84a ffb01f f5761c e0362c b81f56 7a2a9a 3c3cc0 1d5ad0 16389a 2a2480"
    for k, (inner, outer) in enumerate(pairwise(RINGS), start=1):
        count = 10 if k < 4 else 20 if k < 8 else 40
        radius = inner + (outer - inner) * SQUARE[0]
        for j in range(count):
            angle = 2 * np.pi * (j + SQUARE[1]) / count + 0.09 * np.sqrt(radius)
            tone = ramp(glow, (k + canvas.rng.uniform(-0.6, 0.6)) / 13)
            pane(canvas, SUN + radius[:, None] * direction(angle), tone)
    pane(canvas, SUN + 30 * direction(np.arange(0, 2 * np.pi, np.pi / 20)), palette("fff2b8")[0] * 1.3)


def glass_hills(canvas: Canvas) -> None:
    """Ridges, and in front a lake that mirrors the sun, cut into panes."""
    for row, (height, colors, levels) in enumerate(HILLS):
        for upper, lower in pairwise(levels):
            left = -40.0
            while left < WIDTH:
                right = left + canvas.rng.uniform(40, 95)
                x, level = left + (right - left) * SQUARE[0], upper + (lower - upper) * SQUARE[1]
                wave = height * (1 - 0.2 * level) * np.sin(x / (92 - 9 * row) + 1.7 * row)
                near = abs((left + right) / 2 - SUN[0]) < 40 + 50 * canvas.rng.random()
                tones = palette("ffd84a ff9a2f f2602a" if row == 3 and near else colors)
                outline = np.stack([x - 14 * SQUARE[1], 345 + 52 * (row + level) + wave], axis=-1)
                pane(canvas, outline, canvas.rng.choice(tones))
                left = right


def bough(canvas: Canvas, path: Array, girth: float, leaf: float, tones: Array) -> None:
    """A tapering branch and the leaves on both its sides, each of two panes along a midrib."""
    radii = girth * np.linspace(1, 0.3, len(path))
    canvas.trail(path, radii + 1.8, LEAD, 120)
    canvas.trail(path, radii, "6b3a22", 60)
    t, side, travelled = np.linspace(0, 1, 9)[:, None], 1.0, 0.0
    for k in range(len(path) // 5, len(path)):
        dx, dy = path[k] - path[k - 1]
        travelled += np.hypot(dx, dy)
        if travelled < 0.42 * leaf:
            continue
        travelled, side = 0.0, -side
        heading = np.arctan2(dy, dx) + side * canvas.rng.uniform(0.5, 1.1)
        axis = direction(heading) * leaf * canvas.rng.uniform(0.8, 1.15)
        across = np.array([-axis[1], axis[0]]) * 0.27
        rib, tone = path[k] + t * axis + 0.3 * np.sin(np.pi * t) * across, canvas.rng.choice(tones)
        for edge in (1, -1):
            rim = rib + edge * np.sin(np.pi * t**0.8) * across
            pane(canvas, np.vstack([rib, rim[-2:0:-1]]), tone, 1.9)


def stained_glass(rng: np.random.Generator, width: int) -> Image.Image:
    """A window: a swirling sun over ridges and a lake, between trees."""
    canvas = Canvas(rng, width, LEAD)
    glass_sky(canvas)
    glass_hills(canvas)
    for points, girth, leaf, tones in BOUGHS:
        bough(canvas, spline(points), girth, leaf, palette(tones))
    streaks = 0.1 * np.sin(7 * noise(rng, 80) + 3 * noise(rng, 30, 3) + Y / 7) + 0.06 * noise(rng, 4, 5)
    return canvas.finish(relief=3.0, gloss=0.5, texture=1 + streaks)


# --- gilded spirals --------------------------------------------------------------------------------------


def pack(rng: np.random.Generator, discs: Array, sizes: Sequence[float], tries: int) -> Array:
    """Discs (x, y, radius) that fill the room between those given without touching, the largest first."""
    for radius in sizes:
        for x, y in rng.uniform(-20, [WIDTH + 20, HEIGHT + 20], (tries, 2)):
            room = np.min(np.hypot(discs[:, 0] - x, discs[:, 1] - y) - discs[:, 2], initial=np.inf) - 2
            if room > radius:
                discs = np.vstack([discs, [x, y, min(room, 1.3 * radius)]])
    return discs


def ornament(canvas: Canvas, centre: Array, radius: float) -> None:
    """An enamelled disc, almond or triangle, set in ink and gold."""
    t = np.arange(0, 2 * np.pi, np.pi / 24)
    disc = direction(t)
    almond = disc * np.stack([np.ones_like(t), 0.62 * np.sqrt(np.abs(np.sin(t)))], axis=-1)
    x, y = direction(canvas.rng.uniform(0, np.pi))
    shape = radius * (disc, almond, disc[::16])[canvas.rng.integers(3)] @ np.array([[x, y], [-y, x]])
    outer, inner = canvas.rng.permutation(palette("1f9a94 c8341c f2e6c0 1b4aa0 2f8a4a e07a1c 0a0d12"))[:2]
    layers = (
        (1, "0a0d12", 60),
        (0.86, "e2ae3a", 200),
        (0.68, outer, 130),
        (0.42, inner, 190),
        (0.2, "f8dc7a", 240),
    )
    for size, color, thickness in layers:
        canvas.polygon(centre + shape * size, color, thickness)


def coil(canvas: Canvas, centre: Array, radius: float, gold: Array) -> None:
    """A spiral that fills a disc: overlapping strokes of gold leaf on a band of ink."""
    turns = 1.9 + radius / 30
    band, side = 0.56 * radius / turns, canvas.rng.choice((-1, 1))
    t = np.linspace(0.02, 1, int(40 + 3.2 * radius)) ** 0.8
    angle = side * 2 * np.pi * turns * t + canvas.rng.uniform(0, 2 * np.pi)
    path = centre + 0.97 * radius * t[:, None] * direction(angle)
    canvas.trail(path[:-5], 0.5 * band + 1.4, "070b12", 40)
    brush(canvas, gold, np.stack([path[k : k + 16] for k in range(0, len(path) - 15, 5)]), band, 8)


def gilded_spirals(rng: np.random.Generator, width: int) -> Image.Image:
    """Spirals of gold leaf and enamelled ornaments on a dark ground of small strokes."""
    canvas = Canvas(rng, width, "0d1c24")
    depth = 0.45 + 0.4 * noise(rng, 70) + 0.2 * noise(rng, 6)
    ground = ramp("08202c 14505a 0c2a40 2a1630 5a2a16 8a5418", depth)
    paint(canvas, ground, along(Y + 90 * noise(rng, 170)), ((13, 22, 9), (8, 12, 9)))
    sheen = 0.55 + 0.3 * np.sin((X + 1.3 * Y) / 17 + 2 * noise(rng, 60)) + 0.2 * noise(rng, 9)
    gold = ramp("7a4a12 b57a1e e2ae3a f8dc7a fff3c0", sheen)
    large = pack(rng, np.empty((0, 3)), (62, 48, 38, 30, 23, 17), 1200)
    for x, y, radius in pack(rng, large, (14, 11, 8.5, 6.5, 5, 3.6), 6000)[len(large) :]:
        ornament(canvas, np.array([x, y]), radius)
    for x, y, radius in large:
        coil(canvas, np.array([x, y]), radius, gold)
    return canvas.finish(relief=2.6, gloss=0.9)


# --- all -------------------------------------------------------------------------------------------------

PICTURES: dict[str, Callable[[np.random.Generator, int], Image.Image]] = {
    "swirling-night": swirling_night,
    "burning-sky": burning_sky,
    "woodblock-sea": woodblock_sea,
    "stained-glass": stained_glass,
    "gilded-spirals": gilded_spirals,
}


def make(name: str, width: int = WIDTH, seed: int = 7) -> Image.Image:
    """Paint one picture; the same name, width and seed always give the same pixels."""
    return PICTURES[name](np.random.default_rng(seed), width)


def main() -> None:
    """Paint the named pictures, or all, into a folder."""
    parser = argparse.ArgumentParser(description="Paint the style pictures that impasto ships.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(PICTURES)} (all)")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder to write to")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in arguments.names or PICTURES:
        make(name).save(arguments.out / f"{name}.jpg", quality=90, optimize=True)


if __name__ == "__main__":
    main()

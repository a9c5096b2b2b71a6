"""Plot style against content errors as an SVG, in the colors of the surrounding page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from impasto.evaluation.bootstrap import Estimate

_WIDTH, _HEIGHT = 640, 420  # units of the SVG, which scales with the page
_LEFT, _TOP, _RIGHT, _BOTTOM = 58, 16, 18, 48
_LETTER = 13
_WIDE = 0.58  # mean width of a letter, relative to its height


@dataclass(frozen=True)
class Point:
    """Point of the plot: a method or a control, with content error (x) and style error (y)."""

    name: str
    content: Estimate
    style: Estimate
    control: bool
    on_front: bool = False


@dataclass(frozen=True)
class _Axis:
    most: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Position of a value on the axis."""
        return self.start + (self.end - self.start) * value / self.most

    @property
    def ticks(self) -> list[float]:
        """Values of the ticks."""
        step = _step(self.most)
        return [step * n for n in range(int(self.most / step + 1e-9) + 1)]


def draw(points: Sequence[Point], across: str, upwards: str) -> str:
    """Draw an SVG element. Methods are filled, controls hollow; a line joins the Pareto front."""
    x = _Axis(_round(max(_most(p.content) for p in points)), _LEFT, _WIDTH - _RIGHT)
    y = _Axis(_round(max(_most(p.style) for p in points)), _HEIGHT - _BOTTOM, _TOP)
    said = "; ".join(f"{p.name}: style {p.style.mean:.3f}, content {p.content.mean:.3f}" for p in points)
    parts = [
        f'<svg class="pareto" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(upwards)} against {escape(across)}. {escape(said)}">',
        *_frame(x, y, across, upwards),
        _front(points, x, y),
        *(_mark(point, x, y) for point in points),
        *_labels(points, x, y),
        "</svg>",
    ]
    return "\n".join(parts)


def _frame(x: _Axis, y: _Axis, across: str, upwards: str) -> list[str]:
    lines = []
    for value in y.ticks:
        height = y.at(value)
        lines.append(f'<line class="grid" x1="{x.start}" x2="{x.end}" y1="{height:.1f}" y2="{height:.1f}"/>')
        lines.append(_text(f"{value:g}", x.start - 8, height + 4, "end", "faint"))
    for value in x.ticks:
        place = x.at(value)
        lines.append(f'<line class="grid" x1="{place:.1f}" x2="{place:.1f}" y1="{y.start}" y2="{y.end}"/>')
        lines.append(_text(f"{value:g}", place, y.start + 18, "middle", "faint"))
    lines.append(_text(f"{across} →", x.end, _HEIGHT - 8, "end", "axis"))
    lines.append(_text(f"↑ {upwards}", x.start + 6, y.end + 14, "start", "axis"))
    lines.append(_text("better", x.start + 8, y.start - 8, "start", "faint"))
    return lines


def _front(points: Sequence[Point], x: _Axis, y: _Axis) -> str:
    best = sorted((p for p in points if p.on_front), key=lambda p: p.content.mean)
    places = " ".join(f"{x.at(p.content.mean):.1f},{y.at(p.style.mean):.1f}" for p in best)
    return f'<polyline class="front" points="{places}"/>' if len(best) > 1 else ""


def _mark(point: Point, x: _Axis, y: _Axis) -> str:
    across, up = x.at(point.content.mean), y.at(point.style.mean)
    kind = "control" if point.control else "contender"
    whiskers = ""
    if point.content.low is not None and point.content.high is not None:
        ends = (x.at(point.content.low), x.at(point.content.high))
        whiskers += f'<line x1="{ends[0]:.1f}" x2="{ends[1]:.1f}" y1="{up:.1f}" y2="{up:.1f}"/>'
    if point.style.low is not None and point.style.high is not None:
        ends = (y.at(point.style.low), y.at(point.style.high))
        whiskers += f'<line x1="{across:.1f}" x2="{across:.1f}" y1="{ends[0]:.1f}" y2="{ends[1]:.1f}"/>'
    return f'<g class="{kind}">{whiskers}<circle cx="{across:.1f}" cy="{up:.1f}" r="5"/></g>'


def _labels(points: Sequence[Point], x: _Axis, y: _Axis) -> list[str]:
    """Draw labels beside the points, moved up if they would overlap."""
    taken: list[tuple[float, float, float]] = []
    texts = []
    for point in sorted(points, key=lambda p: -y.at(p.style.mean)):
        width = _LETTER * _WIDE * len(point.name)
        right = x.at(point.content.mean) + 9
        left = right if right + width < _WIDTH - 4 else x.at(point.content.mean) - 9 - width
        height = y.at(point.style.mean) - 8
        while any(left < e and s < left + width and abs(height - h) < _LETTER for s, e, h in taken):
            height -= 3
        taken.append((left, left + width, height))
        texts.append(_text(point.name, left, height, "start", "faint" if point.control else "name"))
    return texts


def _text(text: str, x: float, y: float, anchor: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _most(estimate: Estimate) -> float:
    return max(estimate.mean, estimate.high or 0.0)


def _round(value: float) -> float:
    """Round up to the next tick, so that the axis ends at a tick."""
    step = _step(value * 1.04)
    return step * math.ceil(value * 1.04 / step)


def _step(most: float) -> float:
    """Choose the distance of ticks: 1, 2 or 5 times a power of ten, four to nine ticks on the axis."""
    if most <= 0:
        return 1.0
    power: float = 10.0 ** math.floor(math.log10(most / 4))
    return next(k * power for k in (1.0, 2.0, 5.0, 10.0) if most / (k * power) <= 9)

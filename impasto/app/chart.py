"""Draw the losses of a training as an HTML chart of any width, with a text for screen readers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

TERMS = ("style", "content")  # the losses drawn; smoothness says little
_MOST_POINTS = 60  # of a line
_MANTISSAS = ((1,), (1, 2, 5), tuple(range(1, 10)))  # of axis labels, more of them for a narrow range
_FEW_TICKS, _MANY_TICKS = 2, 7

ChartPoint = tuple[float, float]  # a step, a loss


class Curves:
    """The losses so far. One thread may add losses while another draws."""

    def __init__(self) -> None:
        self._seen: dict[str, list[ChartPoint]] = {term: [] for term in TERMS}
        self._held_out: dict[str, list[ChartPoint]] = {term: [] for term in TERMS}

    def note(self, step: int, losses: dict[str, float], held_out: dict[str, float] | None = None) -> None:
        """Add the losses of a step, and those on held-out photos if they were measured."""
        for term in TERMS:
            for lines, values in ((self._seen, losses), (self._held_out, held_out or {})):
                if 0 < values.get(term, 0.0) < math.inf:
                    lines[term].append((step, values[term]))

    def html(self) -> str:
        """Return the chart, with a logarithmic scale; empty while there are fewer than two points."""
        lines = {term: smoothed(list(points)) for term, points in self._seen.items()}
        lines = {term: points for term, points in lines.items() if len(points) > 1}
        if not lines:
            return ""
        dots = {term: list(self._held_out[term]) for term in lines}
        scale = _Scale([point for points in (*lines.values(), *dots.values()) for point in points])
        last = {term: f"{term} {points[-1][1]:.3g}" for term, points in lines.items()}
        step, told = f"step {scale.last:.0f}", ", ".join(last.values())
        return (
            f'<figure class="chart"><div role="img" aria-label="Losses at {step}: {told}">'
            + _plot(lines, dots, scale)
            + "</div><figcaption>"
            + "".join(f'<span class="{term}">{words}</span>' for term, words in last.items())
            + f"<span>{step}; dots: the samples</span></figcaption></figure>"
        )


def _plot(
    lines: Mapping[str, Sequence[ChartPoint]], dots: Mapping[str, Sequence[ChartPoint]], scale: _Scale
) -> str:
    """Return axis labels and an SVG that stretches to any size, whose lines keep their width."""
    heights = [(tick, f"{scale.height(tick):.2f}") for tick in scale.ticks]
    numbers = "".join(f'<span style="top:{height}%">{tick:g}</span>' for tick, height in heights)
    grid = "".join(f'<path class="grid" d="M0 {height}H100"/>' for _, height in heights)
    drawn = "".join(
        f'<g class="{term}"><polyline points="{scale.line(line)}"/>'
        + "".join(f'<path d="M{scale.place(dot)}h0"/>' for dot in dots[term])
        + "</g>"
        for term, line in lines.items()
    )
    frame = 'viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true"'
    return f"{numbers}<svg {frame}>{grid}{drawn}</svg>"


class _Scale:
    """Positions in percent from the left and from the top."""

    def __init__(self, points: Sequence[ChartPoint]) -> None:
        self.last = max(step for step, _ in points)
        self._first = min(step for step, _ in points)
        losses = [loss for _, loss in points]
        margin = 1.1
        self._low, self._high = math.log(min(losses) / margin), math.log(max(losses) * margin)
        self.ticks = self._choose_ticks()

    def height(self, loss: float) -> float:
        return 100 * (self._high - math.log(loss)) / (self._high - self._low)

    def place(self, point: ChartPoint) -> str:
        across = 100 * (point[0] - self._first) / max(1.0, self.last - self._first)
        return f"{across:.2f} {self.height(point[1]):.2f}"

    def line(self, points: Sequence[ChartPoint]) -> str:
        return ",".join(map(self.place, points))

    def _choose_ticks(self) -> list[float]:
        """Return round numbers: powers of ten, and numbers between them if those are few."""
        low, high = math.exp(self._low), math.exp(self._high)
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        ticks: list[float] = []
        for mantissas in _MANTISSAS:
            ticks = [float(f"{each}e{power}") for power in powers for each in mantissas]
            ticks = [tick for tick in ticks if low <= tick <= high]
            if len(ticks) > _FEW_TICKS:
                break
        return ticks[:: -(-len(ticks) // _MANY_TICKS) or 1]


def smoothed(points: Sequence[ChartPoint]) -> list[ChartPoint]:
    """Average neighbouring points until there are at most 60."""
    size = -(-len(points) // _MOST_POINTS)
    groups = [points[first : first + size] for first in range(0, len(points), size or 1)]
    return [
        (sum(p[0] for p in group) / len(group), sum(p[1] for p in group) / len(group)) for group in groups
    ]

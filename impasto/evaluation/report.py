"""Write an evaluation as JSON, and as an HTML page with table, plot and pictures."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any

from torch import Tensor

from impasto.evaluation import pictures, summary
from impasto.evaluation.bootstrap import Estimate
from impasto.evaluation.measuring import Method
from impasto.evaluation.options import CONTENT, METRICS, STYLE
from impasto.evaluation.outcome import Outcome
from impasto.evaluation.pictures import CONTROLS
from impasto.evaluation.warping import Flicker
from impasto.imaging import io
from impasto.imaging.geometry import fit_long_side, resize

_SIDE = 320  # pixels of a picture in the report
_MOST_ROWS = 8
_WIDTH, _HEIGHT = 640, 420  # units of the SVG, which scales with the page
_LEFT, _TOP, _RIGHT, _BOTTOM = 58, 16, 18, 48
_LETTER = 13
_WIDE = 0.58  # mean width of a letter, relative to its height


def as_json(outcome: Outcome, compare: tuple[str, str] | None = None) -> str:
    """Format all values, pair by pair, and the comparison of two methods, as JSON."""
    compared = outcome.compare(*compare) if compare else ()
    return _dump(
        {
            "impasto": version("impasto"),
            "options": asdict(outcome.options),
            "photos": outcome.photos,
            "styles": outcome.styles,
            "metrics": {name: asdict(METRICS[name]) for name in outcome.metrics},
            "table": [
                {
                    "name": row.name,
                    "control": row.control,
                    **{metric: asdict(estimate) for metric, estimate in row.estimates.items()},
                    **({} if row.memory is None else {"memory": row.memory}),
                    **({} if row.artfid is None else {"artfid": row.artfid}),
                }
                for row in outcome.rows
            ],
            "front": outcome.front,
            "comparison": [
                {"metric": c.metric, **asdict(c.difference), "better": c.better} for c in compared
            ],
            "pairs": outcome.pairs(),
            "failures": outcome.failures,
            "notes": outcome.notes,
        }
    )


def as_html(
    outcome: Outcome,
    photos: Mapping[str, Path],
    styles: Mapping[str, Path],
    methods: Sequence[Method],
    compare: tuple[str, str] | None = None,
) -> str:
    """Format an evaluation as a self-contained HTML page. Raises ImageError for an unreadable picture."""
    rows = [(row.control, summary.cells(outcome, row)) for row in outcome.rows]
    shown = _examples(outcome, photos, styles, methods)
    verdict = [*summary.verdict(outcome, *compare)] if compare else []
    return _page(
        "Style and content",
        [
            _paragraphs([summary.basis(outcome)]),
            _section("Numbers", _table(summary.headings(outcome), rows)),
            _section("Style against content", _plot(outcome)),
            _section("What the controls say", _paragraphs([*summary.remarks(outcome)])),
            _section(" or ".join(compare or ()), _paragraphs(verdict)),
            _section("Pictures", *shown),
            _section("Notes", _paragraphs([*outcome.failures, *outcome.notes])),
        ],
    )


def flicker_as_json(found: Sequence[Flicker], original: Path) -> str:
    """Format the warping errors of clips made from `original` as JSON."""
    table = [{**asdict(flicker), "error": asdict(flicker.error)} for flicker in found]
    return _dump({"impasto": version("impasto"), "original": str(original), "table": table})


def flicker_as_html(found: Sequence[Flicker]) -> str:
    """Format the warping errors of clips as an HTML page."""
    rows = [(flicker.control, summary.flicker_cells(flicker)) for flicker in found]
    notes = [note for flicker in found for note in flicker.notes]
    return _page(
        "Flicker",
        [
            _paragraphs([summary.FLICKER_BASIS]),
            _section("Warping error", _table(summary.FLICKER_HEADINGS, rows)),
            _section("Notes", _paragraphs(notes)),
        ],
    )


def _dump(told: Mapping[str, Any]) -> str:
    return json.dumps(told, indent=1, ensure_ascii=False) + "\n"


def _plot(outcome: Outcome) -> str:
    """Plot style against content as SVG."""
    points = [
        Point(r.name, r.estimates[CONTENT], r.estimates[STYLE], r.control, r.name in outcome.front)
        for r in outcome.rows
    ]
    return draw(points, METRICS[CONTENT].name, METRICS[STYLE].name)


def _examples(
    outcome: Outcome, photos: Mapping[str, Path], styles: Mapping[str, Path], methods: Sequence[Method]
) -> Iterator[str]:
    """Format some pairs, each as a row: photo, style, the control of colors, and the methods' pictures."""
    for row, column in _chosen(outcome):
        photo_name, style_name = outcome.photos[row], outcome.styles[column]
        photo = pictures.read(photos[photo_name], _SIDE)
        style = pictures.read(styles[style_name], _SIDE)
        shown = [("photo", photo, ""), ("style", style, "")]
        shown.append(
            ("colors", pictures.control("colors", photo, style), _numbers(outcome, "colors", row, column))
        )
        for method in methods:
            picture, _ = pictures.read_like(method.pictures[photo_name, style_name], photo)
            shown.append((method.name, picture, _numbers(outcome, method.name, row, column)))
        figures = "".join(
            _figure(name, picture, numbers, f"{CONTROLS.get(name, name)}: {photo_name} in {style_name}")
            for name, picture, numbers in shown
        )
        yield f'<h3>{escape(photo_name)} in {escape(style_name)}</h3><div class="row">{figures}</div>'


def _chosen(outcome: Outcome) -> list[tuple[int, int]]:
    """Choose pairs that all methods have, with as few repeated photos and styles as possible."""
    left = [(int(row), int(column)) for row, column in zip(*outcome.common.nonzero(), strict=True)]
    chosen: list[tuple[int, int]] = []
    while left and len(chosen) < _MOST_ROWS:
        rows, columns = [r for r, _ in chosen], [c for _, c in chosen]
        best = min(left, key=lambda place: (rows.count(place[0]) + columns.count(place[1]), place))
        chosen.append(best)
        left.remove(best)
    return chosen


def _numbers(outcome: Outcome, name: str, row: int, column: int) -> str:
    style, content = (outcome.values[name][metric][row, column] for metric in (STYLE, CONTENT))
    return f"style {style:.3f}, content {content:.2f}"


def _figure(name: str, picture: Tensor, numbers: str, alt: str) -> str:
    height, width = fit_long_side((picture.shape[2], picture.shape[3]), _SIDE)
    buffer = BytesIO()
    io.to_pil(resize(picture, (height, width))[0]).save(buffer, "JPEG", quality=82)
    data = base64.b64encode(buffer.getvalue()).decode()
    image = f'<img src="data:image/jpeg;base64,{data}" alt="{escape(alt)}" width="{width}" height="{height}">'
    small = f"<small>{numbers}</small>" if numbers else ""
    return f"<figure>{image}<figcaption>{escape(name)}{small}</figcaption></figure>"


def _page(title: str, sections: Sequence[str]) -> str:
    """Format the whole page, for light and dark modes, wide screens and phones."""
    footer = f"<footer>impasto {version('impasto')}</footer>"
    return _PAGE.format(title=escape(title), body="\n".join([*sections, footer]))


def _table(headings: Sequence[str], rows: Sequence[tuple[bool, Sequence[tuple[str, str]]]]) -> str:
    """Format a table: rows, marked if they are controls, of values with a small text below each."""
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in headings)
    body = "".join(
        f"<tr{' class=control' if control else ''}>{''.join(_cell(n, *c) for n, c in enumerate(row))}</tr>"
        for control, row in rows
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _paragraphs(sentences: Sequence[str]) -> str:
    return "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)


def _section(title: str, *parts: str) -> str:
    """Format a section; empty if it has no content."""
    return f"<section><h2>{escape(title)}</h2>{''.join(parts)}</section>" if any(parts) else ""


def _cell(number: int, text: str, below: str) -> str:
    tag, more = ("th", ' scope="row"') if number == 0 else ("td", "")
    small = f"<small>{escape(below)}</small>" if below else ""
    return f"<{tag}{more}>{escape(text)}{small}</{tag}>"


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>impasto: {title}</title>
<style>
:root {{
  color-scheme: light dark;
  --ink: light-dark(#1c1b1a, #ece9e4); --faint: light-dark(#6a6661, #a39e97);
  --paper: light-dark(#fdfcfa, #171614);
  --line: light-dark(#e4e0da, #35322e); --accent: light-dark(#a8441f, #f09a6c);
  font: 16px/1.5 system-ui, sans-serif;
}}
body {{ margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 70rem; }}
body {{ background: var(--paper); color: var(--ink); }}
h1 {{ font-size: 1.6rem; margin: 0 0 1rem; }}
h2 {{ font-size: 1.15rem; margin: 2.5rem 0 .75rem; }}
h3 {{ font-size: 1rem; font-weight: 600; margin: 1.5rem 0 .5rem; }}
p {{ max-width: 46rem; margin: .4rem 0; }}
small {{ display: block; color: var(--faint); font-size: .78rem; font-weight: 400; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ text-align: right; vertical-align: top; padding: .45rem .9rem .45rem 0; }}
th, td {{ border-bottom: 1px solid var(--line); }}
th:first-child {{ text-align: left; }}
thead th {{ font-size: .82rem; vertical-align: bottom; color: var(--faint); font-weight: 500; }}
td {{ white-space: nowrap; }}
.control th, .control td {{ color: var(--faint); font-weight: 400; }}
.pareto {{ display: block; width: 100%; max-width: 44rem; height: auto; font-size: 13px; fill: var(--ink); }}
.pareto .grid {{ stroke: var(--line); }}
.pareto .faint {{ fill: var(--faint); }}
.pareto .axis {{ fill: var(--faint); font-weight: 600; }}
.pareto .name {{ font-weight: 600; }}
.pareto .front {{ fill: none; stroke: var(--accent); stroke-width: 1.5; stroke-dasharray: 4 4; }}
.pareto .contender circle {{ fill: var(--accent); }}
.pareto .contender line {{ stroke: var(--accent); stroke-width: 1.5; opacity: .55; }}
.pareto .control circle {{ fill: var(--paper); stroke: var(--faint); stroke-width: 1.5; }}
.pareto .control line {{ stroke: var(--faint); opacity: .5; }}
@media (max-width: 34rem) {{ .pareto {{ font-size: 20px; }} }}
.row {{ display: grid; gap: .75rem; }}
.row {{ grid-template-columns: repeat(auto-fill, minmax(min(9.5rem, 45%), 1fr)); }}
figure {{ margin: 0; }}
img {{ display: block; width: 100%; height: auto; border-radius: 3px; }}
figcaption {{ font-size: .85rem; margin-top: .25rem; }}
footer {{ margin-top: 3rem; color: var(--faint); font-size: .85rem; }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""


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

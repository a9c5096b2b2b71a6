"""An evaluation in files: as JSON, and as a page with table, plot, and pictures, which no number replaces."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from html import escape
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any

from torch import Tensor

from impasto.cli import evaluate_words as words
from impasto.cli.display import say
from impasto.cli.evaluate import EvaluateJob
from impasto.cli.evaluate_page import page, paragraphs, section, table
from impasto.cli.pareto import Point, draw
from impasto.evaluation import pictures
from impasto.evaluation.measuring import Method
from impasto.evaluation.options import CONTENT, METRICS, STYLE
from impasto.evaluation.outcome import Comparison, Outcome
from impasto.evaluation.pictures import CONTROLS
from impasto.imaging import io
from impasto.imaging.files import replacing
from impasto.imaging.geometry import fit_long_side, resize

ReportFiles = tuple[Mapping[str, Path], Mapping[str, Path]]  # photos and styles by name

_SIDE = 320  # pixels of a picture in the report
_MOST_ROWS = 8


def _compared(job: EvaluateJob, outcome: Outcome) -> tuple[Comparison, ...]:
    return outcome.compare(*job.compare) if job.compare else ()


def verdict(job: EvaluateJob, outcome: Outcome) -> list[str]:
    """The comparison that was asked for, in sentences."""
    return [*words.verdict(*job.compare, _compared(job, outcome))] if job.compare else []


def write(job: EvaluateJob, files: ReportFiles, contenders: Sequence[Method], outcome: Outcome) -> None:
    """The files that were asked for, each whole or not at all. Raises ImageError."""
    if job.json:
        text = json.dumps(_as_json(job, outcome), indent=1, ensure_ascii=False)
        with replacing(job.json) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")
    if job.html:
        with replacing(job.html) as temporary:
            temporary.write_text(_as_html(job, files, contenders, outcome), encoding="utf-8")
    written = [str(path) for path in (job.json, job.html) if path]
    if written and not job.quiet:
        say(f"written: {', '.join(written)}")


def _as_html(job: EvaluateJob, files: ReportFiles, contenders: Sequence[Method], outcome: Outcome) -> str:
    rows = [(row.control, words.cells(outcome, row)) for row in outcome.rows]
    shown = _examples(outcome, contenders, files)
    return page(
        "Style and content",
        [
            paragraphs([words.basis(outcome)]),
            section("Numbers", table(words.headings(outcome), rows)),
            section("Style against content", _plot(outcome)),
            section("What the controls say", paragraphs([*words.remarks(outcome)])),
            section(" or ".join(job.compare or ()), paragraphs(verdict(job, outcome))),
            section("Pictures", *shown),
            section("Notes", paragraphs([*outcome.failures, *outcome.notes])),
            f"<footer>impasto {version('impasto')}</footer>",
        ],
    )


def _as_json(job: EvaluateJob, outcome: Outcome) -> dict[str, Any]:
    return {
        "impasto": version("impasto"),
        "options": asdict(job.options),
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
            {"metric": c.metric, **asdict(c.difference), "better": c.better} for c in _compared(job, outcome)
        ],
        "pairs": outcome.pairs(),
        "failures": outcome.failures,
        "notes": outcome.notes,
    }


def _plot(outcome: Outcome) -> str:
    """Style against content, as SVG."""
    points = [
        Point(r.name, r.estimates[CONTENT], r.estimates[STYLE], r.control, r.name in outcome.front)
        for r in outcome.rows
    ]
    return draw(points, METRICS[CONTENT].name, METRICS[STYLE].name)


def _examples(outcome: Outcome, contenders: Sequence[Method], files: ReportFiles) -> Iterator[str]:
    """Some pairs, each a row: photo, style, the control of colors, and what was made of them."""
    photos, styles = files
    for row, column in _chosen(outcome):
        photo_name, style_name = outcome.photos[row], outcome.styles[column]
        photo = pictures.read(photos[photo_name], _SIDE)
        style = pictures.read(styles[style_name], _SIDE)
        shown = [("photo", photo, ""), ("style", style, "")]
        shown.append(
            ("colors", pictures.control("colors", photo, style), _numbers(outcome, "colors", row, column))
        )
        for contender in contenders:
            picture, _ = pictures.read_like(contender.pictures[photo_name, style_name], photo)
            shown.append((contender.name, picture, _numbers(outcome, contender.name, row, column)))
        figures = "".join(
            _figure(name, picture, numbers, f"{CONTROLS.get(name, name)}: {photo_name} in {style_name}")
            for name, picture, numbers in shown
        )
        yield f'<h3>{escape(photo_name)} in {escape(style_name)}</h3><div class="row">{figures}</div>'


def _chosen(outcome: Outcome) -> list[tuple[int, int]]:
    """Pairs that all have, each photo and each style as rarely twice as can be."""
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

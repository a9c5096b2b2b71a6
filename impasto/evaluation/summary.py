"""Format an outcome as sentences and table cells, for the terminal and for reports."""

from __future__ import annotations

from collections.abc import Iterator

from impasto.evaluation.bootstrap import Estimate
from impasto.evaluation.options import CONTENT, METRICS, STYLE
from impasto.evaluation.outcome import Comparison, Outcome, Row
from impasto.evaluation.pictures import CONTROLS
from impasto.evaluation.warping import CLIP_CONTROLS, Flicker

FLICKER_HEADINGS = ("", "warping error", "frames")
FLICKER_BASIS = (
    "Root of the mean squared change from frame to frame that is no motion of the original, in units of the "
    "full range. Less is steadier; no styled clip can be expected below the original, and a picture without "
    "any strokes is steady, too: look at it beside style and content."
)


def headings(outcome: Outcome) -> list[str]:
    """Headings of the columns of `cells`."""
    named = [METRICS[name].short for name in outcome.metrics]
    return ["", *named, *(["ArtFID"] if outcome.artfid else []), *(["memory"] if outcome.memory else [])]


def cells(outcome: Outcome, row: Row) -> list[tuple[str, str]]:
    """Format a row: pairs of a value and its interval; the first is the name and its description."""
    about = CONTROLS.get(row.name, "")
    numbers = [
        as_number(row.estimates[metric], METRICS[metric].places) if metric in row.estimates else ("", "")
        for metric in outcome.metrics
    ]
    artfid = [("" if row.artfid is None else f"{row.artfid:.4g}", "")] if outcome.artfid else []
    memory = [("" if row.memory is None else f"{row.memory / 1e6:.0f} MB", "")] if outcome.memory else []
    return [(row.name, about), *numbers, *artfid, *memory]


def as_number(estimate: Estimate, places: int = 3) -> tuple[str, str]:
    """Format a mean and its interval with `places` decimals, fewer for large numbers."""
    if estimate.low is None or estimate.high is None:
        return _digits(estimate.mean, places), ""
    return _digits(estimate.mean, places), f"{_digits(estimate.low, places)}–{_digits(estimate.high, places)}"  # noqa: RUF001


def flicker_cells(flicker: Flicker) -> list[tuple[str, str]]:
    """Format the results of a clip, in the columns FLICKER_HEADINGS."""
    error = as_number(flicker.error, 4)
    return [(flicker.name, CLIP_CONTROLS.get(flicker.name, "")), error, (str(flicker.frames), "")]


def basis(outcome: Outcome) -> str:
    """Describe what the means are taken over."""
    pairs, options = int(outcome.common.sum()), outcome.options
    photos, styles = (int(outcome.common.any(axis).sum()) for axis in (1, 0))
    more = "; below them 95 % intervals over photos and styles" if max(photos, styles) > 1 else ""
    of = f"{_count(pairs, 'pair')} of {_count(photos, 'photo')} and {_count(styles, 'style')}"
    return (
        f"Mean errors over {of} at {options.size} pixels, backbone {options.backbone}{more}. Less is better, "
        "of style and of content together: neither means anything alone."
    )


def legend() -> str:
    """Explain the controls."""
    return f"Controls: {', '.join(f'{name} ({what})' for name, what in CONTROLS.items())}."


def remarks(outcome: Outcome) -> Iterator[str]:
    """Remarks on the methods, by comparison with the controls."""
    if len(outcome.methods) > 1:
        yield f"Beaten by none in both style and content: {', '.join(outcome.front)}."
    for name in (row.name for row in outcome.rows if not row.control):
        by_metric = {c.metric: c for c in outcome.compare(name, "colors")}
        if by_metric[STYLE].better != name:
            yield (
                f"{name} is not shown to be closer to the styles than the photo with the style's colors: "
                "it may have taken no more than these."
            )
        if {c.metric: c for c in outcome.compare(name, "style")}[CONTENT].better != name:
            yield f"{name} is not shown to keep more of the photos than the styles themselves do."
    if outcome.artfid:
        best = min(outcome.artfid, key=lambda name: outcome.artfid[name])
        if best in CONTROLS:
            yield f"The best ArtFID is that of {CONTROLS[best]}: do not read it alone."


def verdict(outcome: Outcome, first: str, second: str) -> Iterator[str]:
    """Compare two methods in sentences, one per metric; the last sentence is the summary."""
    comparisons = outcome.compare(first, second)
    for comparison in comparisons:
        yield _sentence(first, second, comparison)
    better = {c.metric: c.better for c in comparisons}
    yield _summary(better[STYLE], better[CONTENT])


def _sentence(first: str, second: str, comparison: Comparison) -> str:
    metric, difference = METRICS[comparison.metric], comparison.difference
    of = f"{metric.name[0].upper()}{metric.name[1:]}"
    if difference.low is None or difference.high is None:
        numbers = f"{first} minus {second} is {difference.mean:+.3g}, for a single pair"
        return f"{of}: not decided; {numbers}."
    interval = f"{difference.low:+.3g} to {difference.high:+.3g}"
    numbers = f"{first} minus {second} is {difference.mean:+.3g}, {interval}"
    if comparison.better is None:
        return f"{of}: not decided; {numbers}."
    return f"{of}: {comparison.better} is better; {numbers}."


def _summary(style: str | None, content: str | None) -> str:
    if style and style == content:
        return f"On the whole {style} is better: closer to the styles, and closer to the photos."
    if style and content:
        return (
            f"On the whole neither is: {style} takes more of the styles, {content} keeps more of the photos."
        )
    if style or content:
        what, open_ = ("styles", "content") if style else ("photos", "style")
        return f"On the whole {style or content} is closer to the {what}; in {open_} it is not decided."
    return "On the whole it is not decided: more photos and styles would tell."


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number > 1 else ''}"


def _digits(value: float, places: int) -> str:
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.2f}" if abs(value) >= 10 else f"{value:.{places}f}"

"""Style and content by the reference judge: the compact backbone, its teacher, and exact features."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from statistics import mean
from typing import Any

from benchmarks import plots, sheet
from benchmarks.gallery import Gallery, Painting
from benchmarks.report import print_table
from benchmarks.settings import CLOSER, Settings
from impasto import PaintOptions

DEFAULT = PaintOptions.strength
STRENGTHS = (0.35, 0.5, 0.65)
EXACT_ITERATIONS = 150
TARGETS = {"mean_style": 0.036, "mean_content": 1.15, "worst_style": 0.09}
PAINTERS = ("compact", "16x", "exact")

Row = dict[str, Any]


def run(settings: Settings) -> dict[str, Any]:
    gallery = Gallery(settings)
    paintings = list(_paintings(settings))
    rows = [gallery.row(painting) for painting in paintings]
    controls = [gallery.control(p, picture) for p in settings.chosen() for picture in (p.photo, p.style)]
    summary = {
        painter: summarise([r for r in at_default(rows) if r["painter"] == painter]) for painter in PAINTERS
    }
    trade = _trade(settings, rows)
    _print(settings, rows, controls, summary, trade)
    plots.trade(settings, rows)
    sheet.save(settings, gallery, [p for p in paintings if p.options.strength == DEFAULT], rows)
    return {
        "size": settings.size,
        "iterations": settings.options.gradients,
        "exact_iterations": _exact(settings, DEFAULT).gradients,
        "targets": TARGETS,
        "summary": summary,
        "trade": trade,
        "pairs": {pair.name: [pair.photo.stem, pair.style.stem] for pair in settings.chosen()},
        "rows": rows,
        "controls": controls,
    }


def _paintings(settings: Settings) -> Iterator[Painting]:
    """The defaults on all pairs first: what matters most is known soonest."""
    pairs, closer = settings.chosen(), settings.chosen()[:CLOSER]
    others = [strength for strength in STRENGTHS if strength != DEFAULT]
    backbones = {"compact": settings.backbone, "16x": str(settings.compressed)}
    told = {painter: replace(settings.options, backbone=name) for painter, name in backbones.items()}
    for painter, options in told.items():
        yield from (Painting(pair, painter, options) for pair in pairs)
    for painter, options in told.items():
        for strength in others:
            yield from (Painting(pair, painter, replace(options, strength=strength)) for pair in closer)
    exact = {"none": (), "default": (DEFAULT,), "all": (DEFAULT, *others)}[settings.exact]
    for strength in exact:
        yield from (Painting(pair, "exact", _exact(settings, strength)) for pair in closer)


def _exact(settings: Settings, strength: float) -> PaintOptions:
    """Plain L-BFGS at the full size, from the photo."""
    iterations = min(EXACT_ITERATIONS, settings.iterations or EXACT_ITERATIONS)
    return replace(
        settings.options,
        strength=strength,
        iterations=iterations,
        scales=1,
        init="photo",
        backbone="exact",
    )


def at_default(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["strength"] == DEFAULT]


def summarise(rows: list[Row]) -> dict[str, Any] | None:
    """Means over pairs, and the worst style with its pair."""
    if not rows:
        return None
    worst = max(rows, key=lambda row: row["style"])
    return {
        "pairs": len(rows),
        "mean_style": mean(row["style"] for row in rows),
        "mean_content": mean(row["content"] for row in rows),
        "mean_ssim": mean(row["ssim"] for row in rows),
        "mean_seconds": mean(row["seconds"] for row in rows),
        "worst_style": worst["style"],
        "worst_pair": worst["pair"],
    }


def _trade(settings: Settings, rows: list[Row]) -> list[Row]:
    """By painter and strength, over the pairs that all strengths were painted of."""
    closer = {pair.name for pair in settings.chosen()[:CLOSER]}
    groups: dict[tuple[str, float], list[Row]] = {}
    for row in rows:
        if row["pair"] in closer:
            groups.setdefault((row["painter"], row["strength"]), []).append(row)
    keys = sorted(groups, key=lambda key: (PAINTERS.index(key[0]), key[1]))
    return [{"painter": p, "strength": s} | (summarise(groups[p, s]) or {}) for p, s in keys]


def _print(
    settings: Settings, rows: list[Row], controls: list[Row], summary: dict[str, Any], trade: list[Row]
) -> None:
    cells = {(row["pair"], row["painter"]): _cell(row) for row in (*at_default(rows), *controls)}
    columns = (*PAINTERS, "photo", "style")
    print_table(
        f"Style @ content at {settings.size} pixels, defaults (strength {DEFAULT:g})",
        ("pair", *columns),
        [(pair.name, *(cells.get((pair.name, c)) for c in columns)) for pair in settings.chosen()],
        "Smaller is better, for both. photo, style: the picture itself in the painting's place.",
    )
    have = summary["compact"]
    names = ("mean_style", "mean_content", "worst_style", "worst_pair", "mean_ssim", "mean_seconds", "pairs")
    print_table(
        "Over the pairs",
        ("", *(name.replace("_", " ") for name in names)),
        [
            *((painter, *(row[name] for name in names)) for painter, row in summary.items() if row),
            ("target", *(TARGETS.get(name) for name in names)),
            (
                "compact meets it",
                *(have[name] <= TARGETS[name] if name in TARGETS else None for name in names),
            ),
        ],
    )
    print_table(
        "The trade, over the same pairs",
        ("painter", "strength", "mean style", "mean content", "mean ssim", "mean seconds", "pairs"),
        [
            (row["painter"], f"{row['strength']:g}", *(row[name] for name in (*names[:2], *names[4:])))
            for row in trade
        ],
    )


def _cell(row: Row) -> str:
    return f"{row['style']:.3f} @ {row['content']:.2f}"

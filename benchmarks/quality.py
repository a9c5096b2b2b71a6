"""Style, content and layout by the reference judge: every effort, other backbones, what others published."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from statistics import mean
from typing import Any

from benchmarks import plots, sheet
from benchmarks.gallery import CONTROLS, Gallery, Painting
from benchmarks.report import print_table
from benchmarks.settings import CLOSER, Settings
from impasto import PaintOptions

DEFAULT = PaintOptions.strength
STRENGTHS = (0.25, 0.4, 0.5, 0.75)
EXACT_ITERATIONS = 150
TARGETS = {
    "mean_style": 0.025,
    "mean_content": 0.92,
    "mean_layout": 0.05,
    "worst_style": 0.05,
    "worst_layout": 0.10,
}
EFFORTS = ("quick", "best")  # beside the default
PAINTERS = ("compact", *EFFORTS, "16x", "exact")
FIGURES = ("style", "content", "layout", "grain", "dark", "bright")

Row = dict[str, Any]


def run(settings: Settings) -> dict[str, Any]:
    gallery = Gallery(settings)
    paintings = list(_paintings(settings))
    rows = [gallery.row(painting) for painting in paintings]
    controls = [gallery.control(pair, name) for pair in settings.chosen() for name in CONTROLS]
    published = _published(settings, gallery)
    summary = {
        painter: summarise([r for r in at_default(rows) if r["painter"] == painter]) for painter in PAINTERS
    }
    trade = _trade(settings, rows)
    _print(settings, rows, controls, summary, trade)
    _print_published(settings, published)
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
        "published": published,
    }


def _published(settings: Settings, gallery: Gallery) -> list[Row]:
    """What others published, and ours of the same photo in the same style, at the defaults."""
    rows = []
    for pair, picture in settings.published().items():
        rows.append({"pair": pair.name, "painter": "published"} | gallery.judge.score(picture, pair))
        rows.append(gallery.row(Painting(pair, "compact", settings.options)))
    return rows


def _paintings(settings: Settings) -> Iterator[Painting]:
    """The defaults on all pairs first: what matters most is known soonest."""
    pairs, closer = settings.chosen(), settings.chosen()[:CLOSER]
    others = [strength for strength in STRENGTHS if strength != DEFAULT]
    backbones = {"compact": settings.backbone, "16x": str(settings.compressed)}
    told = {painter: replace(settings.options, backbone=name) for painter, name in backbones.items()}
    for painter, options in told.items():
        yield from (Painting(pair, painter, options) for pair in pairs)
    for effort in EFFORTS:
        yield from (Painting(pair, effort, replace(told["compact"], effort=effort)) for pair in pairs)
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
        **{f"mean_{name}": mean(row[name] for row in rows) for name in (*FIGURES, "ssim")},
        "worst_layout": max(row["layout"] for row in rows),
        "least_dark": min(row["dark"] for row in rows),
        "least_bright": min(row["bright"] for row in rows),
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
    columns = (*PAINTERS, *CONTROLS)
    print_table(
        f"Style @ content, layout at {settings.size} pixels, defaults (strength {DEFAULT:g})",
        ("pair", *columns),
        [(pair.name, *(cells.get((pair.name, c)) for c in columns)) for pair in settings.chosen()],
        "Smaller is better. photo, style, recolored: controls in the painting's place.",
    )
    have = summary["compact"]
    names = (
        "mean_style",
        "mean_content",
        "mean_layout",
        "worst_style",
        "worst_layout",
        "worst_pair",
        "mean_grain",
        "mean_dark",
        "least_dark",
        "mean_bright",
        "least_bright",
        "mean_seconds",
        "pairs",
    )
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
        ("painter", "strength", "mean style", "mean content", "mean layout", "mean seconds", "pairs"),
        [
            (row["painter"], f"{row['strength']:g}", *(row[name] for name in (*names[:3], *names[-2:])))
            for row in trade
        ],
    )


def _print_published(settings: Settings, rows: list[Row]) -> None:
    print_table(
        f"Beside what others published, at {settings.size} pixels",
        ("pair", "painter", *FIGURES),
        [(row["pair"], row["painter"], *(row[name] for name in FIGURES)) for row in rows],
    )


def _cell(row: Row) -> str:
    return f"{row['style']:.3f} @ {row['content']:.2f}, {row['layout']:.2f}"

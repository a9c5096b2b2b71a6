"""Style, content and layout by the reference judge: photos and paintings that no training saw."""

from __future__ import annotations

from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from benchmarks import plots, sheet
from benchmarks.any_style_methods import Method, read, variants
from benchmarks.any_style_pictures import paintings, photos
from benchmarks.judge import Judge, Seen
from benchmarks.report import console, print_table
from benchmarks.settings import Settings
from impasto.export.quality import psnr
from impasto.imaging import io

if TYPE_CHECKING:
    from benchmarks.any_style import AnyStyleSettings

TARGETS = {"mean_style": 0.07, "mean_content": 1.0, "mean_layout": 0.15, "identity": 22.0}
FIGURES = ("style", "content", "layout", "grain", "grid")

Row = dict[str, Any]  # method, painting, photo, and the figures


def run(settings: AnyStyleSettings) -> dict[str, Any]:
    judge = Judge(Settings(size=settings.size, reference=settings.reference))
    methods = {k: m for name in settings.methods for k, m in variants(name, settings).items()}
    seen = {
        path: (read(path, settings.size), judge.see(path))
        for path in photos(settings.reference, settings.photos)
    }
    rows = []
    for painting in paintings(settings.reference, settings.styles):
        rows += _compare(settings, judge, methods, seen, painting)
        console.print(f"quality: {painting.stem}", style="dim")
    images = [image for image, _ in seen.values()]
    summary = {
        name: _summary([row for row in rows if row["method"] == name])
        | {"identity": _identity(method, list(seen), images)}
        for name, method in methods.items()
    }
    by_painting = _by_painting(rows)
    _print(settings, summary, by_painting)
    plots.any_style(settings.results, by_painting, TARGETS)
    _save_sheet(settings, rows, list(methods))
    return {
        "size": settings.size,
        "photos": settings.photos,
        "targets": TARGETS,
        "summary": summary,
        "style_and_content": by_painting,
    }


def _compare(
    settings: AnyStyleSettings,
    judge: Judge,
    methods: dict[str, Method],
    seen: dict[Path, tuple[Tensor, Seen]],
    painting: Path,
) -> list[Row]:
    """Every photo in one style by every method."""
    style = judge.see(painting)
    rows = []
    for name, method in methods.items():
        painter = method(painting)
        for photo, (image, content) in seen.items():
            with torch.inference_mode():
                picture = painter(image)[0]
            file = _file(settings, name, painting, photo)
            file.parent.mkdir(parents=True, exist_ok=True)
            io.write(file, picture)
            scores = judge.compare(file, content, style)
            rows.append(
                {"method": name, "painting": painting, "photo": photo} | {key: scores[key] for key in FIGURES}
            )
    return rows


def _file(settings: AnyStyleSettings, method: str, painting: Path, photo: Path) -> Path:
    """What the sheet shows is kept; one file is enough for all the rest."""
    folder = settings.pictures / "any-style"
    shown = _shown(settings)[painting] == photo
    return folder / (f"{method}/{painting.stem}-{photo.stem}.png" if shown else "last.png")


def _shown(settings: AnyStyleSettings) -> dict[Path, Path]:
    """Each painting with another photo, as far as there are enough."""
    chosen = photos(settings.reference, settings.photos)
    works = paintings(settings.reference, settings.styles)
    return {painting: chosen[number % len(chosen)] for number, painting in enumerate(works)}


def _summary(rows: list[Row]) -> dict[str, Any]:
    styles = {painting: mean(values) for painting, values in _grouped(rows, "style").items()}
    return {
        **{f"mean_{name}": mean(row[name] for row in rows) for name in FIGURES},
        "worst_style": max(styles.values()),
        "worst_painting": max(styles, key=lambda painting: styles[painting]).stem,
    }


def _identity(method: Method, photos: list[Path], images: list[Tensor]) -> float:
    """Mean PSNR in dB of photos in their own style, which should come back as they are; at most 99."""
    with torch.inference_mode():
        pairs = zip(photos, images, strict=True)
        return mean(min(99.0, psnr(method(photo)(image)[0], image[0])) for photo, image in pairs)


def _by_painting(rows: list[Row]) -> dict[str, dict[str, tuple[float, float]]]:
    """Mean style and content over the photos, by method and painting."""
    table: dict[str, dict[str, tuple[float, float]]] = {}
    for name in dict.fromkeys(row["method"] for row in rows):
        own = [row for row in rows if row["method"] == name]
        styles, contents = _grouped(own, "style"), _grouped(own, "content")
        table[name] = {p.stem: (mean(styles[p]), mean(contents[p])) for p in styles}
    return table


def _grouped(rows: list[Row], score: str) -> dict[Path, list[float]]:
    groups: dict[Path, list[float]] = {}
    for row in rows:
        groups.setdefault(row["painting"], []).append(row[score])
    return groups


def _print(
    settings: AnyStyleSettings,
    summary: dict[str, dict[str, Any]],
    by_painting: dict[str, dict[str, tuple[float, float]]],
) -> None:
    print_table(
        f"{settings.photos} photos x {settings.styles} paintings at {settings.size} pixels",
        ("method", *(f"mean {name}" for name in FIGURES), "worst painting's style", "which", "identity, dB"),
        [[name, *row.values()] for name, row in summary.items()],
        note=", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in TARGETS.items()),
    )
    print_table(
        "By painting: mean style @ mean content",
        ("painting", *by_painting),
        [
            [
                painting,
                *(
                    f"{style:.3f} @ {content:.2f}"
                    for style, content in (t[painting] for t in by_painting.values())
                ),
            ]
            for painting in next(iter(by_painting.values()))
        ],
    )


def _save_sheet(settings: AnyStyleSettings, rows: list[Row], methods: list[str]) -> None:
    scores = {(row["method"], row["painting"], row["photo"]): row for row in rows}
    columns = ["photo", "style", *(name for name in methods if name not in ("photo", "style"))]
    cells = {}
    for painting, photo in _shown(settings).items():
        cells[painting.stem, "photo"] = photo, photo.stem
        cells[painting.stem, "style"] = painting, painting.stem
        for name in columns[2:]:
            row = scores[name, painting, photo]
            label = f"{name}:  {row['style']:.3f} @ {row['content']:.2f}"
            cells[painting.stem, name] = _file(settings, name, painting, photo), label
    path = settings.pictures / "any-style" / "sheet.jpg"
    sheet.draw([painting.stem for painting in _shown(settings)], columns, cells).save(path, quality=90)
    console.print(f"contact sheet: {path}")

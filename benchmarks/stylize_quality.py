"""Shipped styles by the reference judge: photos that no training saw, controls, and what others published."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any

from benchmarks import sheet
from benchmarks.judge import Judge, Seen
from benchmarks.report import console, print_table
from benchmarks.settings import Settings
from impasto import styles
from impasto.export.quality import psnr
from impasto.imaging import io
from impasto.imaging.geometry import fit_long_side, resize
from impasto.stylizing import Stylizer

if TYPE_CHECKING:
    from benchmarks.stylize import StyleSettings

TARGETS = {
    "mean_style": 0.045,
    "mean_content": 0.95,
    "mean_layout": 0.12,
    "worst_style": 0.065,
    "worst_content": 1.1,
    "worst_layout": 0.2,
}
FIGURES = ("style", "content", "layout", "grain", "grid")
CONTROLS = ("photo", "style")
_CLOSER = 4  # photos on the sheet
_CONTROLLED = 1  # photos that controls are measured on
# The works that styles were learned from, by the reference's names; other styles are our own pictures.
WORKS = {
    "starry-night": "starry-night-van-gogh",
    "great-wave": "great-wave-off-kanagawa-hokusai",
    "the-scream": "the-scream-munch",
    "composition-vii": "composition-vii-kandinsky",
    "portrait-of-picasso": "portrait-of-pablo-picasso-gris",
    "grande-jatte": "oil-sketch-for-la-grande-jatte-seurat",
    "wheat-field-with-cypresses": "wheat-field-with-cypresses-van-gogh",
    "shipwreck-of-the-minotaur": "shipwreck-of-the-minotaur-turner",
    "arlesiennes": "arlesiennes-gauguin",
    "cliff-walk": "cliff-walk-at-pourville-monet",
    "harvest-of-buckwheat": "the-harvest-of-buckwheat-serusier",
    "lion-hunt": "lion-hunt-delacroix",
    "place-du-havre": "the-place-du-havre-pissarro",
    "venice": "venice-porch-of-madonna-della-salute-turner",
}
# Styles whose networks others have published, by the names of their pictures.
_PUBLISHED = {
    "wave": "great-wave",
    "scream": "the-scream",
    "shipwreck": "shipwreck-of-the-minotaur",
    "starry": "starry-night",
}

Row = dict[str, Any]


@dataclass(frozen=True)
class _Style:
    """A card at work, and its work as the judge sees it."""

    name: str
    stylizer: Stylizer
    work: Path
    seen: Seen


def run(settings: StyleSettings) -> dict[str, Any]:
    judge = Judge(Settings(size=settings.size, reference=settings.reference))
    works = settings.reference / "data" / "paintings" / "classic"
    chosen = []
    for name in settings.styles or tuple(styles.cards()):
        title = styles.load(name).style
        work = styles.pictures().get(title) or works / f"{WORKS[title]}.jpg"
        chosen.append(_Style(title, Stylizer(name), work, judge.see(work)))
    photos = _photos(settings)
    rows, controls = _judge_photos(settings, judge, photos, chosen)
    published = _judge_published(settings, judge, chosen)
    summary = {style.name: _summary([r for r in rows if r["style_name"] == style.name]) for style in chosen}
    for style in chosen:
        summary[style.name]["identity"] = _identity(settings, style)
    whole = _summary(rows) | _worst(summary)
    _print(settings, summary, whole, controls, published)
    _save_sheet(settings, photos, chosen, rows)
    return {
        "size": settings.size,
        "targets": TARGETS,
        "all": whole,
        "summary": summary,
        "rows": rows,
        "controls": controls,
        "published": published,
    }


def _judge_photos(
    settings: StyleSettings, judge: Judge, photos: list[Path], chosen: list[_Style]
) -> tuple[list[Row], list[Row]]:
    """Every photo in every style; the first ones as they are, and the styles, in the picture's place."""
    rows, controls = [], []
    for number, photo in enumerate(photos):
        content = judge.see(photo)
        for style in chosen:
            picture = _stylized(settings, photo, style)
            named = {"style_name": style.name, "photo": photo.stem}
            rows.append(named | judge.compare(picture, content, style.seen))
            if number < _CONTROLLED:
                places = {"photo": photo, "style": style.work}
                controls += [
                    named | {"control": name} | judge.compare(places[name], content, style.seen)
                    for name in CONTROLS
                ]
        console.print(f"quality: {photo.stem}", style="dim")
    return rows, controls


def _judge_published(settings: StyleSettings, judge: Judge, chosen: list[_Style]) -> list[Row]:
    """What others published, and what the card of the same work makes of the photo."""
    known = {style.name: style for style in chosen}
    rows = []
    for pair, picture in Settings(reference=settings.reference).published().items():
        name = _PUBLISHED.get(pair.style.stem.removeprefix("style-"))
        if name in known:
            content, work = judge.see(pair.photo), judge.see(pair.style)
            ours = _stylized(settings, pair.photo, known[name])
            for by, path in (("published", picture), ("ours", ours)):
                rows.append({"pair": pair.name, "by": by} | judge.compare(path, content, work))
    return rows


def _identity(settings: StyleSettings, style: _Style) -> float:
    """PSNR in dB of the work after its own network, which should have nothing to change."""
    image, info = io.read(style.work)
    seen = resize(image[None], fit_long_side(info.size, settings.size))[0]
    return psnr(style.stylizer.picture(seen), seen)


def _photos(settings: StyleSettings) -> list[Path]:
    """Evenly from the validation set."""
    every = sorted((settings.reference / "data" / "photos" / "val").glob("*.jpg"))
    return [every[number * len(every) // settings.photos] for number in range(settings.photos)]


def _stylized(settings: StyleSettings, photo: Path, style: _Style) -> Path:
    image, info = io.read(photo)
    picture = style.stylizer.picture(resize(image[None], fit_long_side(info.size, settings.size))[0])
    path = _file(settings, photo, style.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    io.write(path, picture)
    return path


def _file(settings: StyleSettings, photo: Path, style: str) -> Path:
    return settings.pictures / "stylize" / f"{photo.stem}-{style}.png"


def _summary(rows: list[Row]) -> Row:
    worst = max(rows, key=lambda row: row["style"])
    return {
        **{f"mean_{name}": mean(row[name] for row in rows) for name in FIGURES},
        "worst_style": worst["style"],
        "worst_photo": worst["photo"],
    }


def _worst(summary: dict[str, Row]) -> Row:
    """The largest mean of a style."""
    return {
        f"worst_{name}": max(row[f"mean_{name}"] for row in summary.values())
        for name in ("style", "content", "layout")
    }


def _print(
    settings: StyleSettings, summary: dict[str, Row], whole: Row, controls: list[Row], published: list[Row]
) -> None:
    columns = ("style", *(f"mean {name}" for name in FIGURES), "worst photo's style", "identity, dB")
    print_table(
        f"{settings.photos} photos at {settings.size} pixels",
        columns,
        [
            [name, *(row[f"mean_{figure}"] for figure in FIGURES), row["worst_style"], row.get("identity")]
            for name, row in summary.items()
        ],
    )
    print_table(
        "Over all styles",
        ("", *(name.replace("_", " ") for name in TARGETS)),
        [("ours", *(whole[name] for name in TARGETS)), ("target", *TARGETS.values())],
        note="worst: the largest mean of a style",
    )
    print_table(
        f"Controls, for the first {_CONTROLLED} of the photos: means over all styles",
        ("", *FIGURES),
        [
            (name, *(mean(row[f] for row in controls if row["control"] == name) for f in FIGURES))
            for name in CONTROLS
        ],
    )
    print_table(
        "Beside what others published",
        ("pair", "by", *FIGURES),
        [(row["pair"], row["by"], *(row[name] for name in FIGURES)) for row in published],
    )


def _save_sheet(settings: StyleSettings, photos: list[Path], chosen: list[_Style], rows: list[Row]) -> None:
    """All styles on the first photos."""
    scores = {(row["style_name"], row["photo"]): row for row in rows}
    shown = photos[:_CLOSER]
    cells = {("photo", photo.stem): (photo, photo.stem) for photo in shown}
    for style in chosen:
        cells[style.name, "style"] = style.work, style.name
        for photo in shown:
            row = scores[style.name, photo.stem]
            label = f"{row['style']:.3f} @ {row['content']:.2f}, {row['layout']:.2f}"
            cells[style.name, photo.stem] = _file(settings, photo, style.name), label
    path = settings.pictures / "stylize" / "sheet.jpg"
    columns = ["style", *(photo.stem for photo in shown)]
    sheet.draw(["photo", *(style.name for style in chosen)], columns, cells).save(path, quality=90)
    console.print(f"contact sheet: {path}")

"""Style and content by the reference judge: photos that no training saw, in every style."""

from __future__ import annotations

from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any

from benchmarks.judge import Judge
from benchmarks.report import console, print_table
from benchmarks.settings import Settings
from impasto import styles
from impasto.imaging import io
from impasto.imaging.geometry import fit_long_side, resize
from impasto.stylizing import Stylizer

if TYPE_CHECKING:
    from benchmarks.stylize import StyleSettings

TARGETS = {"mean_style": 0.04, "mean_content": 1.2}
# The works that the shipped styles were learned from, by the reference's names.
WORKS = {
    "starry-night": "starry-night-van-gogh",
    "great-wave": "great-wave-off-kanagawa-hokusai",
    "the-scream": "the-scream-munch",
    "composition-vii": "composition-vii-kandinsky",
    "portrait-of-picasso": "portrait-of-pablo-picasso-gris",
    "grande-jatte": "oil-sketch-for-la-grande-jatte-seurat",
    "wheat-field-with-cypresses": "wheat-field-with-cypresses-van-gogh",
    "shipwreck-of-the-minotaur": "shipwreck-of-the-minotaur-turner",
    "port-en-bessin": "seascape-at-port-en-bessin-seurat",
}


def run(settings: StyleSettings) -> dict[str, Any]:
    judge = Judge(Settings(size=settings.size, reference=settings.reference))
    cards = {styles.load(name).style: name for name in settings.styles or tuple(styles.cards())}
    works = settings.reference / "data" / "paintings" / "classic"
    targets = {style: judge.see(works / f"{WORKS[style]}.jpg") for style in cards}
    stylizers = {style: Stylizer(name) for style, name in cards.items()}
    rows = []
    for photo in _photos(settings):
        content = judge.see(photo)
        for style, stylizer in stylizers.items():
            picture = _stylised(settings, photo, style, stylizer)
            rows.append(
                {"style_name": style, "photo": photo.stem, **judge.compare(picture, content, targets[style])}
            )
        console.print(f"quality: {photo.stem}", style="dim")
    summary = {style: _summary([r for r in rows if r["style_name"] == style]) for style in cards}
    whole = _summary(rows)
    print_table(
        f"{settings.photos} photos at {settings.size} pixels",
        ("style", "mean style", "mean content", "worst style", "its photo"),
        [[name, *row.values()] for name, row in {**summary, "all": whole}.items()],
        note="targets: style 0.04, content 1.2",
    )
    return {"size": settings.size, "targets": TARGETS, "all": whole, "summary": summary, "rows": rows}


def _photos(settings: StyleSettings) -> list[Path]:
    """Evenly from the validation set."""
    every = sorted((settings.reference / "data" / "photos" / "val").glob("*.jpg"))
    return [every[number * len(every) // settings.photos] for number in range(settings.photos)]


def _stylised(settings: StyleSettings, photo: Path, style: str, stylizer: Stylizer) -> Path:
    image, info = io.read(photo)
    picture = stylizer.picture(resize(image[None], fit_long_side(info.size, settings.size))[0])
    path = settings.pictures / "stylize" / f"{photo.stem}-{style}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    io.write(path, picture)
    return path


def _summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    worst = max(rows, key=lambda row: row["style"])
    return {
        "mean_style": mean(row["style"] for row in rows),
        "mean_content": mean(row["content"] for row in rows),
        "worst_style": worst["style"],
        "worst_photo": worst["photo"],
    }

"""Pictures that are painted and judged once: an interrupted benchmark goes on where it stopped."""

from __future__ import annotations

import ast
import hashlib
import json
import time
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

import impasto
from benchmarks.exact import JudgeFeatures
from benchmarks.judge import Judge
from benchmarks.report import console
from benchmarks.settings import Pair, Settings
from impasto import Painter, PaintOptions
from impasto.backbones.compact import EMBEDDED
from impasto.imaging import io
from impasto.painting.inputs import recolor
from impasto.painting.objective import Style
from impasto.painting.scales import paint_steps

# What decides how a picture comes out. Comments and layout do not count.
_SOURCES = (
    "losses.py",
    "imaging/geometry.py",
    "imaging/color_transfer.py",
    "imaging/detail.py",
    "painting/*.py",
    "backbones/*.py",
)
CONTROLS = ("photo", "style", "recolored")
DEFAULT_STRENGTH = PaintOptions.strength
_INDIFFERENT = ("distill.py", "paint.py")


@dataclass(frozen=True)
class Painting:
    """One picture to make: who paints which pair, and how."""

    pair: Pair
    painter: str  # compact, 16x, or exact: for names and tables
    options: PaintOptions


class Gallery:
    """Makes paintings and scores them, or finds them where they were kept."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.judge = Judge(settings)
        self.folder = settings.pictures / "quality"

    def row(self, painting: Painting) -> dict[str, Any]:
        """Its scores, and the seconds that painting took."""
        file = self.file(painting)
        record = file.with_suffix(".json")
        if not (record.exists() and file.exists()):
            file.parent.mkdir(parents=True, exist_ok=True)
            seconds = self._paint(painting, file)
            scores = self.judge.score(file, painting.pair)
            _write(record, scores | {"seconds": seconds})
            console.print(f"quality: {file.stem} of {painting.pair.name}, {seconds:.0f} s", style="dim")
        named = {"pair": painting.pair.name, "painter": painting.painter}
        return named | {"strength": painting.options.strength} | _read(record)

    def control(self, pair: Pair, name: str) -> dict[str, Any]:
        """The scores of one of the CONTROLS."""
        folder = self.folder / pair.name
        record = folder / f"control-{name}-{self.settings.size}.json"
        if not record.exists():
            folder.mkdir(parents=True, exist_ok=True)
            picture = {"photo": pair.photo, "style": pair.style}.get(name) or self._recolored(pair, folder)
            _write(record, self.judge.score(picture, pair))
        return {"pair": pair.name, "painter": name} | _read(record)

    def _recolored(self, pair: Pair, folder: Path) -> Path:
        """The photo in the style's colors, which painting starts from."""
        painter = Painter(pair.photo, pair.style, replace(self.settings.options, backbone="compact"))
        picture = folder / f"control-recolored-{self.settings.size}.png"
        io.to_pil(recolor(painter.photo, painter.styles, DEFAULT_STRENGTH)).save(picture)
        return picture

    def file(self, painting: Painting) -> Path:
        """Where a painting is kept; another name for everything that makes another picture."""
        options = asdict(painting.options) | {"backbone": self._backbone_digest(painting)}
        what = json.dumps([options, painting.pair.photo.name, painting.pair.style.name, code_digest()])
        digest = hashlib.sha256(what.encode()).hexdigest()[:8]
        name = f"{painting.painter}-{painting.options.strength:g}-{painting.options.size}-{digest}.png"
        return self.folder / painting.pair.name / name

    def _paint(self, painting: Painting, file: Path) -> float:
        started = time.perf_counter()
        picture = (self._by_exact_features if painting.painter == "exact" else _by_backbone)(painting)
        partial = file.with_suffix(".partial")
        picture.save(partial, format="PNG")
        partial.replace(file)
        return time.perf_counter() - started

    def _by_exact_features(self, painting: Painting) -> Image.Image:
        photo, style = (io.read(path)[0] for path in (painting.pair.photo, painting.pair.style))
        backbone = JudgeFeatures(self.settings.reference / "weights")
        for step in paint_steps(photo, [Style(style)], backbone, painting.options):
            last = step
        return io.to_pil(last.image)

    def _backbone_digest(self, painting: Painting) -> str:
        name = painting.options.backbone
        path = EMBEDDED if name == "compact" else Path(name)
        if painting.painter == "exact":
            return "exact"
        return hashlib.sha256(path.read_bytes()).hexdigest()


def _by_backbone(painting: Painting) -> Image.Image:
    painter = Painter(painting.pair.photo, painting.pair.style, painting.options)
    for step in painter.steps():
        last = step
    return io.to_pil(*painter.finish(last))


@cache
def code_digest() -> str:
    """Of the modules that decide how a picture comes out."""
    package = Path(impasto.__path__[0])
    files = sorted(file for pattern in _SOURCES for file in package.glob(pattern))
    trees = [ast.dump(ast.parse(file.read_text())) for file in files if file.name not in _INDIFFERENT]
    return hashlib.sha256("".join(trees).encode()).hexdigest()


def _read(path: Path) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(path.read_text())
    return kept


def _write(path: Path, record: dict[str, Any]) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(record) + "\n")
    partial.replace(path)

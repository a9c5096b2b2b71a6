"""Folders of small real pictures: photos, styles, and results that are made of them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

from impasto import backbones, styles
from impasto.evaluation.metrics import StyleMetrics

PHOTOS = ("astronaut", "chelsea")
STYLES = ("starry-night", "great-wave")

Results = Callable[..., Path]


@pytest.fixture(scope="session")
def style_metrics() -> StyleMetrics:
    return StyleMetrics(backbones.load("compact"))


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Photos of 96 x 72 pixels, styles of 80 x 80."""
    photos, paintings = tmp_path / "photos", tmp_path / "styles"
    photos.mkdir()
    paintings.mkdir()
    for name in PHOTOS:
        Image.fromarray(getattr(data, name)()).resize((96, 72)).save(photos / f"{name}.png")
    for name in STYLES:
        with Image.open(styles.paintable()[name]) as texture:
            texture.crop((0, 0, 160, 160)).resize((80, 80)).save(paintings / f"{name}.png")
    return photos, paintings


@pytest.fixture
def mix(folders: tuple[Path, Path], tmp_path: Path) -> Results:
    """A method: the style laid over the photo, so much of it; a folder of what it makes."""

    def make(name: str, share: float, pattern: str = "{photo}-{style}.png") -> Path:
        folder = tmp_path / name
        for photo in PHOTOS:
            for style in STYLES:
                place = folder / pattern.replace("{photo}", photo).replace("{style}", style)
                place.parent.mkdir(parents=True, exist_ok=True)
                with (
                    Image.open(folders[0] / f"{photo}.png") as a,
                    Image.open(folders[1] / f"{style}.png") as b,
                ):
                    Image.blend(a, b.resize(a.size), share).save(place)
        return folder

    return make

"""A folder with the files that the documentation names: small real pictures and clips."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter
from skimage import data

from tests.clips import pan, write_clip

PHOTOS = (
    "photo.jpg", "other.jpg", "panorama.jpg", "holiday/photo.jpg", "holiday/2025/other.jpg",
    "examples/pictures/summer-palace.jpg", "inbox/photo.jpg", "DIR/photo.jpg", "PHOTOS/photo.jpg",
)  # fmt: skip
STYLES = ("wave.jpg", "scream.jpg", "WORK.jpg", "PAINTINGS/wave.jpg", "PAINTINGS/scream.jpg")
CLIPS = ("holiday.mp4", "clip.mp4")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for names, arrays in (
        (PHOTOS, (data.astronaut(), data.chelsea())),
        (STYLES, (data.coffee(), data.rocket())),
    ):
        for number, name in enumerate(names):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(arrays[number % 2]).resize((96, 80)).save(path)
    Image.fromarray(data.astronaut()).resize((96, 80)).save("scan.tif")
    _save_masks()
    for name in CLIPS:
        write_clip(tmp_path / name, pan(4))
    Path("frames").mkdir()
    for number, pixels in enumerate(pan(3), 1):
        Image.fromarray(np.asarray(pixels)).save(f"frames/{number:05d}.png")
    return tmp_path


def _save_masks() -> None:
    sky = Image.linear_gradient("L").resize((96, 80))
    palace = Image.new("L", (96, 80))
    ImageDraw.Draw(palace).ellipse((20, 30, 60, 70), fill=255)
    sky.save("sky.png")
    palace.filter(ImageFilter.GaussianBlur(2)).save("palace.png")

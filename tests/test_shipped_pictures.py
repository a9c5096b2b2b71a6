"""The style pictures in the package are the ones that examples/make_styles.py paints."""

import importlib.util
from importlib.resources import files
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

SCRIPT = Path(__file__).parents[1] / "examples" / "make_styles.py"
FOLDER = Path(str(files("impasto"))) / "styles" / "pictures"
NAMES = ["burning-sky", "gilded-spirals", "stained-glass", "swirling-night", "woodblock-sea"]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_styles", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_folder_holds_every_picture(script: ModuleType) -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.jpg")) == NAMES == sorted(script.PICTURES)


@pytest.mark.parametrize("name", NAMES)
def test_picture_opens_and_is_large_enough(name: str) -> None:
    path = FOLDER / f"{name}.jpg"
    assert path.stat().st_size < 300_000
    with Image.open(path) as picture:
        picture.load()
        assert picture.mode == "RGB"
        assert min(picture.size) >= 512


def test_same_seed_same_pixels(script: ModuleType) -> None:
    first, second, other = (np.asarray(script.make("woodblock-sea", 192, seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


def test_the_script_paints_the_shipped_picture(script: ModuleType) -> None:
    small = script.make("woodblock-sea", 384)
    with Image.open(FOLDER / "woodblock-sea.jpg") as picture:
        shipped = picture.resize(small.size, Image.Resampling.LANCZOS)
    difference = np.abs(np.asarray(small, dtype=float) - np.asarray(shipped, dtype=float)).mean()
    assert difference < 12  # another seed differs by 30

"""What docs/control.md shows works as it is written, and makes its pictures; sizes are small here."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path
from types import ModuleType
from typing import get_args

import numpy as np
import pytest
from PIL import Image

from impasto.options import KeepColor, StyleLoss
from tests.docs.snippets import Command, call

ROOT = Path(__file__).parents[2]


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("handles", ROOT / "examples" / "handles.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SCRIPT = load_script()
PICTURES = SCRIPT.read_page()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As the script prepares it, smaller."""
    monkeypatch.chdir(tmp_path)
    SCRIPT.prepare(tmp_path)
    for path in tmp_path.iterdir():
        with Image.open(path) as picture:
            small = picture.resize((96, 64))
        small.save(path)
    return tmp_path


@pytest.mark.parametrize("name", PICTURES)
def test_commands(folder: Path, name: str) -> None:
    """In their order, as later ones may read what earlier ones wrote; then the picture made of theirs."""
    for words in PICTURES[name]:
        call(Command("docs/control.md", 0, shlex.join(words)))
    whole = SCRIPT.assemble(name, PICTURES[name], folder)
    assert whole.width == SCRIPT.WIDTH
    assert len(whole.resize((32, 32)).getcolors(1024)) > 50


def test_pictures_of_a_section_differ(folder: Path) -> None:
    """A handle that does nothing would not be seen on the page."""
    for words in PICTURES["color"]:
        call(Command("docs/control.md", 0, shlex.join(words)))
    files = [words[words.index("-o") + 1] for words in PICTURES["color"]]
    pixels = [np.asarray(Image.open(file), float) for file in files]
    apart = [np.abs(one - other).mean() for at, one in enumerate(pixels) for other in pixels[:at]]
    assert min(apart) > 2


def test_the_page_is_complete() -> None:
    text = SCRIPT.PAGE.read_text(encoding="utf-8")
    for choice in {*get_args(KeepColor), *get_args(StyleLoss)} - {"none"}:
        assert f"`{choice}`" in text, choice
    titles = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert [title.lower().replace(" ", "-") for title in titles[:-2]] == list(PICTURES)[:-1]
    for anchor in re.findall(r"\]\(#([\w-]+)\)", text):
        assert anchor in [title.lower().replace(" ", "-") for title in titles]


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_there_and_small(name: str) -> None:
    path = ROOT / "docs" / "images" / f"control-{name}.jpg"
    assert path.stat().st_size <= 120_000
    with Image.open(path) as picture:
        assert picture.width == SCRIPT.WIDTH


def test_compressing_ends_below_the_limit() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 400, 3), dtype=np.uint8)
    assert len(SCRIPT.compress(Image.fromarray(noise).resize((800, 400)))) <= SCRIPT.MOST_BYTES

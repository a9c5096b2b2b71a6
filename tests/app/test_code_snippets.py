"""The command and the lines of Python that the page shows make the very picture that it made."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from impasto.app import code_snippets
from impasto.app.inference import DownloadOptions, file_name, stylize, write_download
from impasto.app.jobs import JobQueues
from impasto.app.limits import Limits
from impasto.app.look import StyleRequest, mix
from impasto.app.paintings import paint
from impasto.app.sessions import Result, Session
from impasto.cli import app
from impasto.stylizing.options import StyleControls
from tests.app.conftest import followed, write_photo

LOOKS: dict[str, Callable[[Path], StyleRequest]] = {
    "default": lambda own: StyleRequest((("starry-night", 1.0),)),
    "gentle": lambda own: StyleRequest((("the-scream", 1.0),), 0.65),
    "mixed": lambda own: StyleRequest(mix("starry-night", "great-wave", 0.35)),
    "own": lambda own: StyleRequest(((own, 1.0),)),
    "handles": lambda own: StyleRequest(
        (("great-wave", 1.0),),
        1,
        StyleControls(stroke_size=1.5, keep_color="luminance", keep_color_amount=0.7, detail=0.4),
    ),
}
SMALL = {"size": 64, "expert": {"iterations": 3}}
PAINTED: dict[str, Callable[[Path], StyleRequest]] = {
    "default": lambda own: StyleRequest((("starry-night", 1.0),), **SMALL),
    "mixed": lambda own: StyleRequest(mix("gilded-spirals", own, 0.25), 0.4, seed=5, **SMALL),
    "expert": lambda own: StyleRequest(
        ((own, 1.0),),
        handles=StyleControls(keep_color="luminance"),
        size=64,
        expert={
            "iterations": 3, "init": "noise", "optimizer": "adam", "learning_rate": 0.05,
            "style_loss": "gram", "style_layers": (("relu1_1", 0.5), ("relu2_1", 1.0)),
            "content_layers": (("relu2_1", 1.0),),
            "tv_weight": 0.001, "normalize": False, "pooling": "average",
        },
    ),
}  # fmt: skip

AS_PAINTED = DownloadOptions("picture")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    exif = Image.Exif()
    exif[0x013B] = "A. Painter"
    return write_photo(tmp_path / "photos" / "my photo.jpg", quality=95, exif=exif)


@pytest.fixture
def lossless(photo: Path) -> Path:
    return write_photo(photo.with_name("drawn.png"))


@pytest.fixture
def own(photo: Path) -> Path:
    return write_photo(photo.with_name("own & odd.png"), (40, 90, 200), (80, 80))


@pytest.fixture
def visit(tmp_path: Path) -> Session:
    (tmp_path / "visit").mkdir()
    return Session(tmp_path / "visit", 24, JobQueues(Limits()))


@pytest.fixture
def made_by_command(photo: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Result], Path]:
    """What the command makes in a folder that holds the photo and the pictures."""

    def make(result: Result) -> Path:
        monkeypatch.chdir(photo.parent)
        words = shlex.split(code_snippets.command(result))
        assert words[0] == "impasto"
        run = CliRunner().invoke(app, words[1:])
        assert run.exit_code == 0, run.output
        return photo.parent / words[words.index("-o") + 1]

    return make


@pytest.fixture
def run_python(photo: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Result], Path]:
    """What the lines of Python make there; Pillow saves it, so that only lossless files can be compared."""

    def run(result: Result) -> Path:
        monkeypatch.chdir(photo.parent)
        exec(code_snippets.python(result), {})
        return photo.parent / file_name(result.photo, result.look)

    return run


def pixels(path: Path) -> Any:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


@pytest.mark.parametrize("name", LOOKS)
def test_stylized(
    name: str, photo: Path, own: Path, visit: Session, made_by_command: Callable[[Result], Path]
) -> None:
    result = stylize(visit, photo, LOOKS[name](own), Limits())
    ours, theirs = write_download(visit, result, Limits()), made_by_command(result)
    assert ours.name == theirs.name
    assert np.array_equal(pixels(ours), pixels(theirs))
    assert np.abs(pixels(ours) - pixels(photo)).mean() > 5
    with Image.open(ours) as picture:
        assert picture.size == (96, 64)
        assert picture.getexif()[0x013B] == "A. Painter"


@pytest.mark.parametrize("name", ["default", "mixed", "own"])
def test_stylized_in_python(
    name: str, own: Path, lossless: Path, visit: Session, run_python: Callable[[Result], Path]
) -> None:
    result = stylize(visit, lossless, LOOKS[name](own), Limits())
    ours, theirs = pixels(write_download(visit, result, Limits())), pixels(run_python(result))
    assert np.abs(ours - theirs).mean() < 1.5, "of 255: a stylizer that is kept takes the fastest runtime"


@pytest.mark.parametrize("name", PAINTED)
def test_painted(
    name: str, photo: Path, own: Path, visit: Session, made_by_command: Callable[[Result], Path]
) -> None:
    *_, last = followed(paint(visit, photo, PAINTED[name](own), Limits()))
    assert last.result is not None
    ours = write_download(visit, last.result, Limits(), AS_PAINTED)
    theirs = made_by_command(last.result)
    assert ours.name == theirs.name
    assert np.array_equal(pixels(ours), pixels(theirs))


@pytest.mark.parametrize("name", ["default", "mixed"])
def test_painted_in_python(
    name: str, own: Path, lossless: Path, visit: Session, run_python: Callable[[Result], Path]
) -> None:
    *_, last = followed(paint(visit, lossless, PAINTED[name](own), Limits()))
    assert last.result is not None
    ours = write_download(visit, last.result, Limits(), AS_PAINTED)
    assert np.array_equal(pixels(ours), pixels(run_python(last.result)))

"""The self-test fails where something is broken on purpose. It passes here: see tests/cli/test_doctor.py."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from impasto import styles
from impasto.diagnosis import selftest
from impasto.diagnosis.findings import Finding
from impasto.diagnosis.selftest import PARTS, SelfTestPart, attempt
from impasto.errors import ImageError, MissingExtraError
from impasto.imaging import io
from impasto.networks.card import load_card, save_card

PART = {part.name: part for part in PARTS}
PHOTO = torch.linspace(0, 1, 3 * 32 * 32).reshape(3, 32, 32)


@pytest.mark.parametrize(
    ("error", "state", "text", "advice"),
    [
        (ImageError("no such thing"), "failed", "no such thing", "mend it"),
        (MissingExtraError("PyAV", "video", "It"), "absent", "It needs PyAV", "pip install 'impasto[video]'"),
        (OSError(30, "Read-only file system"), "failed", "Read-only", "TMPDIR"),
        (ZeroDivisionError("division"), "failed", "this should not happen: ZeroDivisionError", "report it"),
    ],
)
def test_what_work_raises_is_a_finding(error: Exception, state: str, text: str, advice: str) -> None:
    def work(folder: Path) -> str:
        assert folder.is_dir()
        raise error

    found = attempt(SelfTestPart("x", work, "mend it"))
    assert found.state == state
    assert text in found.text
    assert advice in found.advice


def test_nothing_is_left_behind() -> None:
    seen = []

    def work(folder: Path) -> str:
        (folder / "file").write_text("x")
        seen.append(folder)
        return "done"

    assert attempt(SelfTestPart("x", work, "")).text == "done"
    assert not seen[0].exists()


def test_no_temporary_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/nowhere/at/all")
    found = attempt(SelfTestPart("x", lambda folder: "done", ""))
    assert (found.state, found.advice) == ("failed", "name a folder that can be written to in TMPDIR")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda photo: photo[:, 1:], "has the size (3, 31, 32)"),
        (lambda photo: photo * float("nan"), "holds values that are no numbers"),
        (lambda photo: photo, "changes the photo by 0/255 only"),
        (lambda photo: 1 - photo, "has lost the photo: their correlation is -1.00"),
        (lambda photo: torch.full_like(photo, 0.5), "has lost the photo: their correlation is nan"),
    ],
)
def test_a_picture_that_cannot_be_right(change: Callable[[Tensor], Tensor], sentence: str) -> None:
    with pytest.raises(selftest.Unexpected, match=r"wave") as caught:
        selftest.check_picture("wave", change(PHOTO), PHOTO)
    assert sentence in str(caught.value)


def test_a_picture_that_can_be_right() -> None:
    selftest.check_picture("wave", 0.5 + 0.5 * PHOTO, PHOTO)


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One shipped card, which tests may spoil."""
    card = load_card(styles.cards()["starry-night"])
    monkeypatch.setattr(styles, "_CARDS", tmp_path)
    save_card(card, tmp_path / "starry-night.safetensors")
    return tmp_path / "starry-night.safetensors"


def of_stylize() -> Finding:
    return attempt(PART["stylize"])


def test_a_sound_card_passes(shelf: Path) -> None:
    assert of_stylize().text.startswith("1 shipped styles")


def test_a_card_whose_weights_are_gone(shelf: Path) -> None:
    card = load_card(shelf)
    save_card(replace(card, tensors={name: torch.zeros_like(t) for name, t in card.tensors.items()}), shelf)
    found = of_stylize()
    assert (found.state, "starry-night has lost the photo" in found.text) == ("failed", True)


def test_a_damaged_card(shelf: Path) -> None:
    shelf.write_bytes(shelf.read_bytes()[:5000])
    found = of_stylize()
    assert (found.state, "cannot read the weights file" in found.text) == ("failed", True)


def test_no_cards_at_all(shelf: Path) -> None:
    shelf.unlink()
    assert of_stylize().text == "no trained styles are in this installation"


def test_a_device_that_paints_otherwise(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Played by the CPU: what "auto" paints is brightened."""
    paint = selftest.Stylizer.picture

    def picture(self: Any, image: Tensor) -> Tensor:
        made = paint(self, image)
        return made if self.dtype == torch.float32 else (made + 0.05).clamp(0, 1)

    monkeypatch.setattr(selftest.Stylizer, "picture", picture)
    monkeypatch.setattr("impasto.device._has_bfloat16", lambda device: True)
    found = of_stylize()
    assert found.state == "failed"
    assert "starry-night is off by 1" in found.text  # 13 to 15 of 255
    assert "--device cpu" in found.advice


def test_an_objective_that_does_not_fall(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selftest, "_GRADIENTS", 1)
    found = attempt(PART["paint"])
    assert (found.state, "in 1 gradients" in found.text) == ("failed", True)


def test_files_that_lose_something(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write = io.write

    def losing(*names: str) -> Callable[..., None]:
        return lambda path, image, **rest: write(path, image, **{**rest, **dict.fromkeys(names)})

    for name, word in (
        ("exif", "picture.png has lost its EXIF"),
        ("record", "picture.png has lost its record"),
    ):
        monkeypatch.setattr(io, "write", losing(name))
        assert attempt(PART["files"]).text == word
    monkeypatch.setattr(io, "write", lambda path, image, **rest: write(path, image * 0.9, **rest))
    assert "picture.png differs from what was written by" in attempt(PART["files"]).text


def test_a_photo_that_stays_on_its_side(monkeypatch: pytest.MonkeyPatch) -> None:
    read = io.read

    def lying(path: Any, **rest: Any) -> Any:
        picture, info = read(path, **rest)
        return (picture.rot90(1, (1, 2)) if "sideways" in str(path) else picture), info

    monkeypatch.setattr(io, "read", lying)
    assert "sideways.jpg has the size (3, 48, 64) instead of (3, 64, 48)" in attempt(PART["files"]).text


def test_a_video_that_comes_back_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("av")
    monkeypatch.setattr(selftest._AsItIs, "__call__", lambda self, photo: 255 - photo)
    assert "frame 0 of the video differs" in attempt(PART["videos"]).text


def test_videos_without_their_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    found = attempt(PART["videos"])
    assert (found.state, found.advice) == ("absent", "pip install 'impasto[video]'")

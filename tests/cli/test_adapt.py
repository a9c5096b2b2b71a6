"""`impasto adapt` and `impasto encode`, end to end with small files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from skimage import data

from impasto.imaging import io
from impasto.networks.adaptive_file import load_adaptive
from impasto.networks.card import load_card

Impasto = Callable[..., Any]
OUT = ("-o", "x.safetensors")
SMALL = ("--size", 48, "--window", 64, "--batch", 2, "--workers", 0, "--steps", 2)


@pytest.fixture
def pictures(workshop: Path) -> Path:
    """Folders of two photos and of two styles in the current one."""
    for folder, names in {"photos": ("astronaut", "coffee"), "paintings": ("chelsea", "rocket")}.items():
        (workshop / folder).mkdir()
        for name in names:
            Image.fromarray(getattr(data, name)()).resize((96, 80)).save(workshop / folder / f"{name}.jpg")
    return workshop


def test_adapts_encodes_and_stylizes(impasto: Impasto, pictures: Path) -> None:
    result = impasto("adapt", "--photos", "photos", "--styles", "paintings", "-o", "any.safetensors", *SMALL)
    assert result.exit_code == 0, (result.stderr, result.exception)
    assert result.stderr.splitlines()[-1] == (
        "use it: impasto encode style.jpg --network any.safetensors -o card.safetensors"
    )
    assert load_adaptive(pictures / "any.safetensors").centre.any()

    result = impasto("encode", "wave.jpg", "--network", "any.safetensors", "-o", "card.safetensors")
    assert result.exit_code == 0, (result.stderr, result.exception)
    assert result.stderr.splitlines()[-1] == (
        "use it: impasto stylize photo.jpg -o out.jpg --style card.safetensors"
    )
    assert load_card("card.safetensors").style == "wave"
    assert impasto("stylize", "photo.jpg", "-o", "out.png", "--style", "card.safetensors").exit_code == 0
    assert io.read("out.png")[1].size == (64, 96)


def test_any_picture_is_a_style(impasto: Impasto, workshop: Path) -> None:
    result = impasto("stylize", "photo.jpg", "-o", "out.png", "--style", "wave.jpg")
    assert result.exit_code == 0, (result.stderr, result.exception)
    assert io.read("out.png")[1].size == (64, 96)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("adapt", "--styles", "none", *OUT), 2, "none does not exist"),
        (("adapt", "--styles", "paintings", "-o", "x.jpg"), 2, "must end in .safetensors"),
        (("adapt", "--styles", "paintings", *OUT, "--window", "8"), 2, "from 64"),
        (("adapt", "--styles", "paintings", *OUT, "--from", "wave.jpg"), 1, "no adaptive network"),
        (("encode", "wave.jpg", "-o", "card.jpg"), 2, "must end in .safetensors"),
        (("encode", "none.jpg", *OUT), 1, "none.jpg"),
        (("encode", "small.png", *OUT), 1, "20 x 20 pixels; a style needs at least 32"),
        (("encode", "flat.png", *OUT), 1, "flat.png is of one color"),
        (("encode", "wave.jpg", *OUT, "--network", "wave.jpg"), 1, "no adaptive network"),
        (("encode", "wave.jpg", "-o", "there.safetensors"), 2, "there.safetensors exists"),
    ],
)
def test_what_cannot_be(
    impasto: Impasto, pictures: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    Image.new("RGB", (20, 20), "red").save("small.png")
    Image.new("RGB", (64, 64), "red").save("flat.png")
    Path("there.safetensors").touch()
    before = sorted(pictures.rglob("*"))
    result = impasto(*arguments)
    assert result.exit_code == code, (result.stderr, result.exception)
    assert words in result.stderr
    assert sorted(pictures.rglob("*")) == before

"""`impasto sheet`: rows of styles, columns of one handle."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from impasto import networks
from impasto.cli.flags import spread
from impasto.cli.sheet import plan_columns
from impasto.errors import UsageError
from impasto.networks.card import Card, save_card

Impasto = Callable[..., Any]


@pytest.fixture
def cards(workshop: Path) -> Path:
    """Cards in the current folder, one of them credited, and a second photo."""
    network = networks.build("light", channels=(8, 8), blocks=(0, 1, 0), last_channels=8)
    for name, artist in (("mine", ""), ("night", "Vincent van Gogh")):
        card = Card("light", network.config, network.state_dict(), style=name, artist=artist)
        save_card(card, workshop / f"{name}.safetensors")
    Image.open("photo.jpg").transpose(Image.Transpose.ROTATE_90).save("tall.png")
    return workshop


def labels(page: str) -> list[str]:
    return re.findall(r"<figcaption>([^<]*)</figcaption>", Path(page).read_text(encoding="utf-8"))


def titles(page: str) -> list[str]:
    return re.findall(r"<h2>([^<]*)</h2>", Path(page).read_text(encoding="utf-8"))


def test_lists_are_words_up_to_the_next_option() -> None:
    words = ["photo.jpg", "--styles", "a", "b", "-o", "out.png", "more.jpg", "--styles", "c", "--quiet", "d"]
    assert list(spread(words, {"--styles"})) == [
        "photo.jpg", "--styles", "a", "--styles", "b", "-o", "out.png", "more.jpg", "--styles", "c",
        "--quiet", "d",
    ]  # fmt: skip
    assert list(spread(["--styles=a", "b"], {"--styles"})) == ["--styles=a", "b"]


def test_the_handle_with_several_values_makes_the_columns() -> None:
    columns = plan_columns({"strength": [0.8], "stroke_size": [0.5, 2.0], "keep_color": []})
    assert [(column.label, dict(column.options)) for column in columns] == [
        ("strokes 0.5", {"strength": 0.8, "stroke_size": 0.5}),
        ("strokes 2", {"strength": 0.8, "stroke_size": 2.0}),
    ]
    columns = plan_columns({"strength": [], "stroke_size": [2.0], "keep_color": ["luminance"]})
    assert [column.label for column in columns] == [f"strength {n:g}" for n in (0.25, 0.5, 0.75, 1)]
    assert columns[0].options == {"strength": 0.25, "stroke_size": 2.0, "keep_color": "luminance"}
    with pytest.raises(UsageError, match="--strengths and --keep-color have several values"):
        plan_columns({"strength": [0.1, 1.0], "keep_color": ["none", "luminance"]})


def test_a_page_of_two_styles(impasto: Impasto, cards: Path) -> None:
    result = impasto(
        "sheet", "photo.jpg", "--styles", "mine.safetensors", "night.safetensors",
        "--strengths", "0.25", "1", "-o", "sheet.html",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert "sheet.html: 2 styles in 2 columns, 1 photo" in result.stderr
    assert labels("sheet.html") == ["photo", "strength 0.25", "strength 1"] * 2
    assert titles("sheet.html") == ["mine", "night"]
    page = Path("sheet.html").read_text(encoding="utf-8")
    assert "Vincent van Gogh" in page and "Made at 400 pixels" in page


def test_several_photos_and_a_picture(impasto: Impasto, cards: Path) -> None:
    arguments = ("--styles", "mine.safetensors", "--size", 64, "--strengths", 1, "-q")
    result = impasto("sheet", "photo.jpg", "tall.png", *arguments, "-o", "sheet.jpg")
    assert (result.exit_code, result.stderr) == (0, "")
    with Image.open("sheet.jpg") as found:
        assert found.height > 43 + 64
    impasto("sheet", "photo.jpg", "tall.png", *arguments, "-o", "sheet.html")
    assert titles("sheet.html") == ["mine: photo", "mine: tall"]


def test_columns_differ_as_stylize_makes_them(impasto: Impasto, cards: Path) -> None:
    """The rightmost picture of the sheet is the one that stylize writes."""
    impasto("sheet", "photo.jpg", "--styles", "mine.safetensors", "--strengths", "0", "1", "-o", "sheet.png")
    impasto("stylize", "photo.jpg", "--style", "mine.safetensors", "-o", "one.png")
    sheet, one, photo = (np.asarray(Image.open(name), int) for name in ("sheet.png", "one.png", "photo.jpg"))
    left, (height, width, _) = 12, one.shape
    first = sheet[:, left : left + width]
    top = next(y for y in range(len(first)) if np.array_equal(first[y : y + height], photo))
    cells = [sheet[top : top + height, left + n * (width + 12) :][:, :width] for n in range(3)]
    assert np.abs(cells[1] - photo).max() <= 1, "at strength 0 the photo stays"
    assert np.abs(cells[2] - one).max() <= 1


@pytest.mark.parametrize("engine", ["stylize", "paint"])
@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--strokes", "0.5", "2"], ["strokes 0.5", "strokes 2"]),
        (["--keep-color", "none", "luminance"], ["color: none", "color: luminance"]),
    ],
)
def test_other_handles(
    impasto: Impasto, cards: Path, engine: str, flags: list[str], expected: list[str]
) -> None:
    style = "mine.safetensors" if engine == "stylize" else "wave.jpg"
    rest = ("--engine", engine, "--size", "64", "-o", "sheet.html")
    result = impasto("sheet", "photo.jpg", "--styles", style, *flags, *rest)
    assert result.exit_code == 0, result.stderr
    assert labels("sheet.html") == ["photo", *expected]
    pictures = re.findall(r"base64,([^\"]+)", Path("sheet.html").read_text(encoding="utf-8"))
    assert len(set(pictures)) == 3


def test_painting(impasto: Impasto, workshop: Path) -> None:
    result = impasto(
        "sheet", "photo.jpg", "--styles", "wave.jpg", "--strengths", "0.2", "0.9", "--engine", "paint",
        "--size", "64", "-o", "sheet.html",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert "painting" in result.stderr
    assert labels("sheet.html") == ["photo", "strength 0.2", "strength 0.9"]


@pytest.mark.parametrize(
    ("arguments", "code", "fragment"),
    [
        (["--styles", "wvae", "-o", "sheet.png"], 2, "there is no style wvae"),
        (["--styles", "mine.safetensors", "-o", "sheet.pdf"], 2, "must end in .html, .png or .jpg"),
        (["--styles", "mine.safetensors", "-o", "none/sheet.png"], 1, "there is no folder"),
        (["--styles", "mine.safetensors", "--strengths", "0.5", "2", "-o", "s.png"], 2, "strengths must be"),
        (["--styles", "mine.safetensors", "--strokes", "9", "-o", "s.png"], 2, "strokes must be from 0.25"),
        (["--styles", "mine.safetensors", "--keep-color", "red", "-o", "s.png"], 2, "luminance"),
        (["--styles", "mine.safetensors", "--engine", "draw", "-o", "s.png"], 2, "engine must be one of"),
        (["--styles", "mine.safetensors", "--size", "20", "-o", "s.png"], 2, "size must be a whole number"),
        (
            ["--styles", "a", "--strokes", "1", "2", "--strengths", "0", "1", "-o", "s.png"],
            2,
            "several values",
        ),
        (["--styles", "none.jpg", "--engine", "paint", "-o", "s.png"], 1, "none.jpg does not exist"),
    ],
)
def test_bad_input_gets_one_line(
    impasto: Impasto, cards: Path, arguments: list[str], code: int, fragment: str
) -> None:
    result = impasto("sheet", "photo.jpg", *arguments)
    assert result.exit_code == code, result.stderr
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
    assert fragment in result.stderr
    assert not [*cards.glob("s.*"), *cards.glob("sheet*")]


def test_a_photo_that_is_none(impasto: Impasto, cards: Path) -> None:
    result = impasto("sheet", "none.jpg", "--styles", "mine.safetensors", "-o", "sheet.png")
    assert result.exit_code == 1 and "none.jpg does not exist" in result.stderr

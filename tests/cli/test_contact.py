"""Contact sheets as pictures and pages, looked at pixel by pixel."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFont

from impasto.cli.contact import Cell, Sheet, SheetRow, as_html, as_picture, check, open_photo, shorten, write
from impasto.errors import ImageError, UsageError

RED, GREEN, BLUE = (200, 30, 30), (30, 160, 30), (30, 30, 200)


def plain(color: tuple[int, int, int], size: tuple[int, int] = (60, 40)) -> Image.Image:
    return Image.new("RGB", size, color)


@pytest.fixture
def sheet() -> Sheet:
    """Two rows: three labelled pictures, of which one is high, and one without a label."""
    cells = [Cell(plain(RED), "photo"), Cell(plain(GREEN, (60, 80)), "strength 0.5"), Cell(plain(BLUE), "1")]
    first = SheetRow("starry-night", cells, "Vincent van Gogh, 1889", "https://example.org/?a=1&b=2")
    return Sheet([first, SheetRow("<wave>", [Cell(plain(RED), alt="a & b")])], "Styles", "made by hand")


def where(picture: Image.Image, color: tuple[int, int, int]) -> list[tuple[int, int, int, int]]:
    """Boxes of a color: left, top, width, height."""
    pixels = (np.asarray(picture) == color).all(-1)
    rows = np.flatnonzero(np.diff(np.pad(pixels.any(1), 1).astype(int)))
    boxes = []
    for top, bottom in rows.reshape(-1, 2):
        columns = np.flatnonzero(pixels[top:bottom].any(0))
        boxes.append((int(columns[0]), int(top), int(np.ptp(columns)) + 1, int(bottom - top)))
    return boxes


def ink(picture: Image.Image, box: tuple[int, int, int, int]) -> float:
    """Share of dark pixels in left, top, right, bottom."""
    return float((np.asarray(picture.convert("L").crop(box)) < 160).mean())


def test_pictures_stand_side_by_side_under_their_labels(sheet: Sheet) -> None:
    drawn = as_picture(sheet)
    (left, top, *size), below = where(drawn, RED)
    assert size == [60, 40] and left == 12
    assert where(drawn, GREEN) == [(left + 72, top, 60, 80)]
    assert where(drawn, BLUE) == [(left + 144, top, 60, 40)]
    assert below[1] > top + 80
    for column in range(3):
        assert ink(drawn, (left + 72 * column, top - 18, left + 72 * column + 60, top)) > 0.005
    assert ink(drawn, (left, top - 66, 300, top - 42)) > 0.01, "the title"
    assert ink(drawn, (0, drawn.height - 40, drawn.width, drawn.height)) > 0.002, "the credit"
    assert drawn.width == 640 and drawn.mode == "RGB"


def test_a_common_height(sheet: Sheet) -> None:
    drawn = as_picture(Sheet(sheet.rows, "Styles", height=120))
    assert where(drawn, GREEN)[0][2:] == (90, 120)
    assert where(drawn, RED)[0][2:] == (180, 120)


@pytest.mark.parametrize("text", ["strength 0.25", "a" * 200, "the wreck of a transport ship, 1810"])
def test_long_names_end_in_an_ellipsis(text: str) -> None:
    font = ImageFont.load_default(14)
    short = shorten(text, font, 120)
    assert font.getlength(short) <= 120
    assert short == text if font.getlength(text) <= 120 else short.endswith("…")
    assert text.startswith(short.removesuffix("…"))


def test_a_label_does_not_reach_into_its_neighbors() -> None:
    cells = [Cell(plain(RED), "w" * 50), Cell(plain(GREEN), "x")]
    drawn = as_picture(Sheet([SheetRow("row", cells)], "Styles"))
    left, top, *_ = where(drawn, RED)[0]
    assert ink(drawn, (left, top - 20, left + 60, top)) > 0.05
    assert ink(drawn, (left + 60, top - 20, left + 72, top)) == 0


def test_letters_beyond_ascii_lose_their_accents_in_pictures_only() -> None:
    rows = [[SheetRow(title, [Cell(plain(RED))])] for title in ("Caféteria", "Cafeteria", "北斎", "?")]
    drawn = [np.asarray(as_picture(Sheet(row, "Styles"))) for row in rows]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    np.testing.assert_array_equal(drawn[2], drawn[3])
    assert "北斎" in as_html(Sheet(rows[2], "Styles"))


def test_the_page(sheet: Sheet) -> None:
    page = as_html(sheet)
    assert re.findall(r"<figcaption>([^<]*)</figcaption>", page) == ["photo", "strength 0.5", "1"]
    assert "<h2>&lt;wave&gt;</h2>" in page and 'alt="a &amp; b"' in page
    assert '<a href="https://example.org/?a=1&amp;b=2">origin</a>' in page
    assert "<footer>made by hand</footer>" in page and "height: auto" in page
    assert page.count("data:image/jpeg;base64,") == 4


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".html"])
def test_writing(tmp_path: Path, sheet: Sheet, suffix: str) -> None:
    path = tmp_path / f"sheet{suffix}"
    write(path, sheet)
    assert [item.name for item in tmp_path.iterdir()] == [path.name]
    if suffix == ".html":
        assert path.read_text(encoding="utf-8") == as_html(sheet)
        return
    with Image.open(path) as found:
        difference = np.abs(np.asarray(found, int) - np.asarray(as_picture(sheet), int))
    assert difference.max() == 0 if suffix == ".png" else difference.mean() < 1


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"sheet\.pdf must end in \.html, \.png or \.jpg"):
        check(tmp_path / "sheet.pdf")
    with pytest.raises(ImageError, match="there is no folder"):
        check(tmp_path / "none" / "sheet.png")


def test_photos_are_made_smaller_and_never_larger(tmp_path: Path) -> None:
    plain(RED, (300, 100)).save(tmp_path / "photo.png")
    assert open_photo(tmp_path / "photo.png", 90).size == (90, 30)
    assert open_photo(tmp_path / "photo.png", 900).size == (300, 100)
    with pytest.raises(ImageError, match="does not exist"):
        open_photo(tmp_path / "absent.png", 90)

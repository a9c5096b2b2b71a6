"""Which picture is of which pair: patterns that are told and found out, and what is missing."""

from pathlib import Path

import pytest

from impasto.errors import ImageError, UsageError
from impasto.evaluation.pictures import PATTERNS, list_pictures, match_results

PHOTOS, STYLES = ["00", "01", "02"], ["00", "01", "02", "03"]


def fill(folder: Path, pattern: str, suffix: str = ".png") -> Path:
    for photo in PHOTOS:
        for style in STYLES:
            path = folder / f"{pattern.replace('{photo}', photo).replace('{style}', style)}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    return folder


@pytest.mark.parametrize("pattern", PATTERNS)
def test_usual_names_are_recognised(tmp_path: Path, pattern: str) -> None:
    """Even numbers, as StyleID's: there are more styles than photos, which tells the order."""
    results = match_results(fill(tmp_path, pattern), PHOTOS, STYLES)
    assert results.pattern == pattern
    assert len(results.pictures) == 12
    assert results.notes == ()
    expected = tmp_path / f"{pattern.replace('{photo}', '01').replace('{style}', '03')}.png"
    assert results.pictures["01", "03"] == expected


def test_a_pattern_that_is_told(tmp_path: Path) -> None:
    fill(tmp_path, "out.{style}.of.{photo}", ".jpg")
    results = match_results(tmp_path, PHOTOS, STYLES, "out.{style}.of.{photo}.jpg")
    assert results.pictures["02", "03"] == tmp_path / "out.03.of.02.jpg"
    with pytest.raises(UsageError, match=r"no picture in .* such as 00-00.*pattern= how out\.00\.of"):
        match_results(tmp_path, PHOTOS, STYLES)
    with pytest.raises(UsageError, match=r"pattern= must contain \{photo\} and \{style\}"):
        match_results(tmp_path, PHOTOS, STYLES, "{photo}.png")


def test_names_that_can_be_read_in_two_ways_are_told(tmp_path: Path) -> None:
    fill(tmp_path, "{photo}-{style}")
    square = match_results(tmp_path, PHOTOS, PHOTOS)
    assert square.pattern == "{photo}-{style}"
    assert any("could be {style}-{photo} as well; pattern= makes it certain" in n for n in square.notes)


def test_missing_and_extra_pictures_are_told(tmp_path: Path) -> None:
    fill(tmp_path, "{photo}-{style}")
    for name in ("00-01", "01-01"):
        (tmp_path / f"{name}.png").unlink()
    (tmp_path / "contact-sheet.jpg").touch()
    (tmp_path / "times.txt").touch()
    results = match_results(tmp_path, PHOTOS, STYLES)
    assert len(results.pictures) == 10
    assert results.notes == (
        f"{tmp_path} lacks 2 of 12 pictures: 00 in 01, 01 in 01",
        f"{tmp_path} has 1 pictures of no pair, which are left out: contact-sheet.jpg",
    )


def test_one_name_for_two_pairs(tmp_path: Path) -> None:
    (tmp_path / "a-b-c.png").touch()
    with pytest.raises(
        UsageError, match=r"may be a in b-c or a-b in c: rename a photo or style, or .* pattern="
    ):
        match_results(tmp_path, ["a", "a-b"], ["c", "b-c"], "{photo}-{style}")


def test_one_name_with_two_suffixes(tmp_path: Path) -> None:
    for name in ("a.png", "a.jpg"):
        (tmp_path / name).touch()
    with pytest.raises(UsageError, match=r"differ only in their suffix"):
        list_pictures(tmp_path)


def test_folders(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"nowhere does not exist"):
        list_pictures(tmp_path / "nowhere")
    with pytest.raises(UsageError, match=r"there are no pictures in"):
        list_pictures(tmp_path)
    with pytest.raises(ImageError, match=r"is not a folder of pictures"):
        match_results(tmp_path / "nowhere", PHOTOS, STYLES)
    with pytest.raises(UsageError, match=r"there are no pictures in"):
        match_results(tmp_path, PHOTOS, STYLES)
    for name in ("b.JPG", "a.png", ".hidden.png", "notes.txt"):
        (tmp_path / name).touch()
    assert list_pictures(tmp_path) == {"a": tmp_path / "a.png", "b": tmp_path / "b.JPG"}
    assert list_pictures(tmp_path / "a.png") == {"a": tmp_path / "a.png"}

"""The photos that int8 is calibrated on."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from impasto.errors import ImageError, UsageError
from impasto.export.quality import LONG_SIDE, MOST, read_photos


def test_a_tree_without_what_is_no_picture(photos_folder: Path) -> None:
    photos = read_photos([photos_folder])
    assert [tuple(photo.shape) for photo in photos] == [(1, 3, 120, 160)] * 3


def test_without_any_the_shipped_one() -> None:
    (photo,) = read_photos([])
    assert max(photo.shape) <= LONG_SIDE


def test_many_are_taken_evenly_and_shrunk(tmp_path: Path) -> None:
    for number in range(2 * MOST):
        Image.new("RGB", (500, 100), (number, 0, 0)).save(tmp_path / f"{number:03}.png")
    photos = read_photos([tmp_path])
    assert [round(255 * float(photo[0, 0].mean())) for photo in photos] == [2 * n for n in range(MOST)]
    assert {tuple(photo.shape[2:]) for photo in photos} == {(77, LONG_SIDE)}


def test_what_is_named_must_be_there(tmp_path: Path, photos_folder: Path) -> None:
    with pytest.raises(UsageError, match="nowhere does not exist; check its name"):
        read_photos([tmp_path / "nowhere"])
    with pytest.raises(UsageError, match="there are no photos of 64 pixels or more in"):
        read_photos([tmp_path])
    with pytest.raises(ImageError, match=r"notes\.txt"):
        read_photos([photos_folder / "notes.txt"])

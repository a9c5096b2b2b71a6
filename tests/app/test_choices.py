"""A visitor's photo in every style: small pictures one after another, and all of them in a ZIP file."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image

from impasto.app import choices
from impasto.app.choices import contact_sheet, write_all
from impasto.app.jobs import JobQueues
from impasto.app.limits import Limits
from impasto.app.sessions import Session
from impasto.errors import ImpastoError
from tests.app.conftest import write_photo

OFFERED = {"starry-night": "starry-night", "the-scream": "the-scream", "burning-sky": "burning-sky"}


@pytest.fixture
def visit(tmp_path: Path) -> Session:
    return Session(tmp_path / "visit", 4, JobQueues(Limits()))


def test_the_sheet_grows(visit: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choices, "_BETWEEN", 0.0)
    photo = write_photo(tmp_path / "photo.jpg", size=(480, 300))
    seen = [list(sheet.pictures) for sheet in contact_sheet(visit, photo, OFFERED, Limits())]
    assert [len(names) for names in seen] == [1, 2, 3, 3]
    assert visit.sheet
    assert visit.sheet.photo == photo
    pictures = []
    for path in visit.sheet.pictures.values():
        with Image.open(path) as picture:
            assert picture.size == (320, 200)
            pictures.append(np.asarray(picture).astype(int))
    assert np.abs(pictures[0] - pictures[1]).mean() > 5


def test_small_photos_stay_small(visit: Session, tmp_path: Path) -> None:
    list(contact_sheet(visit, write_photo(tmp_path / "photo.jpg"), {"the-scream": "the-scream"}, Limits()))
    assert visit.sheet
    with Image.open(visit.sheet.pictures["the-scream"]) as picture:
        assert picture.size == (96, 64)


def test_all_in_one_file(visit: Session, tmp_path: Path) -> None:
    target = write_all(visit, write_photo(tmp_path / "my cat.jpg"), OFFERED, Limits())
    assert target.name == "my cat-styles.zip"
    with ZipFile(target) as archive:
        assert archive.namelist() == [f"my cat-{name}.jpg" for name in OFFERED]
        with archive.open("my cat-the-scream.jpg") as file, Image.open(file) as picture:
            assert picture.size == (96, 64)
    assert [path.name for path in visit.folder.rglob("*.*")] == [target.name]


def test_photos_with_too_many_pixels(visit: Session, tmp_path: Path) -> None:
    photo, limits = write_photo(tmp_path / "photo.jpg", size=(200, 100)), Limits(megapixels=0.01)
    with pytest.raises(ImpastoError, match=r"20,000 pixels"):
        list(contact_sheet(visit, photo, OFFERED, limits))
    with pytest.raises(ImpastoError, match=r"20,000 pixels"):
        write_all(visit, photo, OFFERED, limits)

"""Many photos in one style: what is made of them, and what is said of those that cannot be read."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from itertools import count
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from impasto.app import batches, code_snippets
from impasto.app.batches import BatchNews, stylize_all
from impasto.app.jobs import JobQueues
from impasto.app.limits import Limits
from impasto.app.look import StyleRequest
from impasto.app.sessions import Session
from impasto.cli import app as commands
from impasto.errors import UsageError
from impasto.stylizing.options import StyleControls
from tests.app.conftest import Reports, followed, write_photo

LIMITS = Limits(batch_photos=4, megapixels=0.1)
STARRY = StyleRequest((("starry-night", 1.0),))


@pytest.fixture
def visit(tmp_path: Path) -> Session:
    folder = tmp_path / "visit"
    folder.mkdir()
    return Session(folder, 4, JobQueues(LIMITS))


def photo(folder: Path, name: str, red: int, **more: object) -> Path:
    folder.mkdir(exist_ok=True)
    return write_photo(folder / name, (red, 120, 60), **more)  # type: ignore[arg-type]


def made(
    visit: Session, photos: Sequence[Path], look: StyleRequest = STARRY, limits: Limits = LIMITS
) -> BatchNews:
    last: BatchNews = followed(stylize_all(visit, photos, look, limits))[-1]
    assert last.is_over
    return last


def names(batch: BatchNews) -> list[str]:
    assert batch.archive
    with ZipFile(batch.archive) as archive:
        assert archive.testzip() is None
        return archive.namelist()


def test_the_command_makes_the_same(
    visit: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: Reports
) -> None:
    """At the photos' own sizes, with a report for each, and small pictures of all."""
    photos = [photo(tmp_path / "photos", f"{red}.png", red, size=(400, 90)) for red in (10, 130, 250)]
    look = replace(STARRY, strength=0.7, handles=StyleControls(keep_color="luminance"))
    last = made(visit, photos, look)
    assert [batch.done for batch in told] == [0, 1, 2, 3]
    assert (last.pictures, last.photos, last.notes) == (3, 3, ())
    assert [name for _, name in last.shown] == [f"{red}-starry-night.png" for red in (250, 130, 10)]
    for small, _ in last.shown:
        with Image.open(small) as picture:
            assert picture.size == (240, 54)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(commands, shlex.split(code_snippets.batch_command(look))[1:])
    assert result.exit_code == 0, result.output
    assert last.archive
    with ZipFile(last.archive) as archive:
        for red in (10, 130, 250):
            with (
                Image.open(BytesIO(archive.read(f"{red}-starry-night.png"))) as one,
                Image.open(tmp_path / "painted" / f"{red}.png") as other,
            ):
                assert one.size == (400, 90)
                assert np.array_equal(np.asarray(one), np.asarray(other))
    assert sorted(path.name for path in visit.folder.rglob("*.png")) == []  # they are in the archive only


def test_photos_of_one_name(visit: Session, tmp_path: Path) -> None:
    """Also those whose pictures have one name, as GIFs become JPEGs."""
    photos = [photo(tmp_path / "a", "sea.jpg", 10), photo(tmp_path / "b", "sea.jpg", 200)]
    photos.append(photo(tmp_path / "a", "sea.gif", 100))
    wanted = ["sea-starry-night.jpg", "sea-starry-night-2.jpg", "sea-starry-night-3.jpg"]
    assert names(made(visit, photos)) == wanted


def test_what_cannot_be_read_is_left_out(visit: Session, tmp_path: Path) -> None:
    letter = tmp_path / "letter.jpg"
    letter.write_text("Dear all,")
    large = photo(tmp_path, "large.png", 10, size=(400, 300))
    last = made(visit, [letter, photo(tmp_path, "sea.jpg", 10), large])
    assert (last.pictures, last.photos) == (1, 3)
    assert names(last) == ["sea-starry-night.jpg"]
    assert len(last.notes) == 2
    assert re.fullmatch(r"left out: \S+/letter\.jpg is not a picture .*", last.notes[0])
    assert re.fullmatch(r"left out: \S+/large\.png has .* more than the limit of 100,000.*", last.notes[1])


def test_without_any_picture_there_is_no_archive(visit: Session, tmp_path: Path) -> None:
    letter = tmp_path / "letter.jpg"
    letter.write_text("Dear all,")
    last = made(visit, [letter] * 7, limits=replace(LIMITS, batch_photos=7))
    assert (last.archive, last.pictures, last.shown) == (None, 0, ())
    assert len(last.notes) == 5 and last.notes[-1] == "left out: 3 more that cannot be read"


def test_stop_keeps_the_pictures_so_far(visit: Session, tmp_path: Path, told: Reports) -> None:
    photos = [photo(tmp_path, f"{red}.png", red) for red in (10, 130, 250)]
    told.then = lambda batch: visit.stop("batch") if batch.done == 1 else None
    last = made(visit, photos)
    assert names(last) == ["10-starry-night.png", "130-starry-night.png"]
    assert last.notes == ("stopped after 2 of 3 photos",)


def test_out_of_time(visit: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock on which a second photo takes an hour."""
    photos = [photo(tmp_path, f"{red}.png", red) for red in (10, 130, 250)]
    hours = count()
    monkeypatch.setattr(batches._BatchTask, "_seconds", property(lambda task: 3600.0 * (next(hours) > 2)))
    last = made(visit, photos)
    assert names(last) == ["10-starry-night.png", "130-starry-night.png"]
    assert last.notes == ("out of time after 2 of 3 photos",)


def test_requests_that_are_refused_at_once(visit: Session, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="drop some photos first"):
        stylize_all(visit, [], STARRY, LIMITS)
    with pytest.raises(UsageError, match="5 photos are more than the limit of 4 here"):
        stylize_all(visit, [tmp_path / "sea.jpg"] * 5, STARRY, LIMITS)
    large = StyleRequest(((photo(tmp_path, "large.png", 10, size=(400, 300)), 1.0),))
    with pytest.raises(Exception, match=r"large\.png"):
        stylize_all(visit, [tmp_path / "sea.jpg"], large, LIMITS)
    assert not visit.jobs


def test_only_the_last_two_batches_take_space(visit: Session, tmp_path: Path) -> None:
    source = photo(tmp_path, "sea.jpg", 10)
    first, second, third = (made(visit, [source]) for _ in range(3))
    assert first.archive and second.archive and third.archive
    assert [batch.archive.exists() for batch in (first, second, third)] == [False, True, True]  # type: ignore[union-attr]

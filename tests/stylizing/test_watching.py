"""A watched folder, with files that arrive, grow, change and go."""

import json
import os
from pathlib import Path
from threading import Event

import pytest
from PIL import Image
from skimage import data

from impasto.errors import UsageError
from impasto.imaging.video.open import open_clip
from impasto.stylizing.stylizer import Stylizer
from impasto.stylizing.watching import LOG, FolderWatcher, WatchResult, WatchStyler
from tests.clips import pan, write_clip
from tests.stylizing.conftest import Family


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path


def photo(path: Path, picture: str = "coffee") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(getattr(data, picture)()).resize((24, 16)).save(path)
    return path


def watcher(folder: Path, **options: bool) -> FolderWatcher:
    return FolderWatcher(folder / "in", folder / "out", **options)


def names(found: FolderWatcher) -> list[str]:
    """What has arrived by the second look."""
    found.arrivals()
    return [f"{arrival.source.name} {arrival.target.name}" for arrival in found.arrivals()]


def styled(found: FolderWatcher, family: Family) -> list[WatchResult]:
    styler = WatchStyler(found, Stylizer(family["night"]))
    return [outcome for _ in range(2) for outcome in styler.look(Event())]


def log(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "out" / LOG).read_text().splitlines()]


def test_a_file_must_stay_as_it_is(folder: Path) -> None:
    found = watcher(folder)
    path = folder / "in" / "a.jpg"
    path.write_bytes(b"")
    assert found.arrivals() == found.arrivals() == [], "it is empty"
    path.write_bytes(b"half")
    assert found.arrivals() == []
    path.write_bytes(b"half and more")
    assert found.arrivals() == [], "it has grown"
    assert [arrival.source for arrival in found.arrivals()] == [path]


def test_what_is_passed_over(folder: Path) -> None:
    for name in (".a.jpg", ".hidden/a.jpg", "a.txt", "a.jpg.part", "b.jpg", "sub/c.JPG"):
        (folder / "in" / name).parent.mkdir(exist_ok=True)
        (folder / "in" / name).write_bytes(b"x")
    inside = FolderWatcher(folder / "in", folder / "in" / "out")
    (folder / "in" / "out" / "d.jpg").write_bytes(b"x")
    inside.arrivals()
    assert {arrival.target for arrival in inside.arrivals()} == {
        folder / "in/out/b.jpg",
        folder / "in/out/sub/c.JPG",
    }


def test_names_of_results(folder: Path) -> None:
    for name in ("a.gif", "b.heic", "b.png", "c.wmv", "d.webm"):
        (folder / "in" / name).write_bytes(b"x")
        os.utime(folder / "in" / name, (1, 1))
    assert names(watcher(folder)) == [
        "a.gif a.png",
        "b.heic b.heic.png",
        "b.png b.png",
        "c.wmv c.mp4",
        "d.webm d.webm",
    ]


def test_each_once_and_the_next_watcher_knows(folder: Path, family: Family) -> None:
    photo(folder / "in/a.png")
    photo(folder / "in/sub/b.jpg")
    (folder / "in/c.jpg").write_bytes(b"no photo")
    outcomes = styled(watcher(folder), family)
    assert sorted(bool(outcome.error) for outcome in outcomes) == [False, False, True]
    with Image.open(folder / "out/sub/b.jpg") as picture:
        assert picture.size == (24, 16)
    assert [entry["result"] for entry in log(folder)].count(None) == 1
    (folder / "out/a.png").unlink()  # taken away by whoever wanted it
    again = styled(watcher(folder), family)
    assert [outcome.arrival.source.name for outcome in again] == ["c.jpg"], "what failed is tried again"


def test_what_has_changed_is_made_again(folder: Path, family: Family) -> None:
    photo(folder / "in/a.png")
    found = watcher(folder)
    assert len(styled(found, family)) == 1
    before = (folder / "out/a.png").read_bytes()
    photo(folder / "in/a.png", "astronaut")
    (outcome,) = styled(found, family)
    assert outcome.error == ""
    assert (folder / "out/a.png").read_bytes() != before


def test_results_of_others_stay(folder: Path, family: Family) -> None:
    photo(folder / "in/a.png")
    (folder / "out").mkdir()
    (folder / "out/a.png").write_bytes(b"mine")
    (outcome,) = styled(watcher(folder), family)
    assert "exists and was not made by this command" in outcome.error
    assert (folder / "out/a.png").read_bytes() == b"mine"
    (outcome,) = styled(watcher(folder, overwrite=True), family)
    assert outcome.error == ""


def test_what_goes_away_is_no_error(folder: Path, family: Family) -> None:
    path = photo(folder / "in/a.png")
    photo(folder / "in/b.png")
    os.utime(path, (1, 1))
    found = watcher(folder)
    found.arrivals()
    outcomes = WatchStyler(found, Stylizer(family["night"])).look(Event())
    assert next(outcomes).arrival.source == path
    (folder / "in/b.png").unlink()
    assert list(outcomes) == []
    (folder / "in").rename(folder / "away")
    assert (found.is_there, found.arrivals()) == (False, [])
    (folder / "away").rename(folder / "in")
    assert found.is_there


def test_a_clip_that_was_stopped_goes_on(folder: Path, family: Family) -> None:
    write_clip(folder / "in/a.mp4", pan(6, (32, 32)))
    found, stop = watcher(folder), Event()
    found.arrivals()
    styler = WatchStyler(found, Stylizer(family["night"]))
    arrival = found.arrivals()[0]
    stop.set()
    assert styler._make(arrival, stop) is None
    assert list(styler.look(stop)) == []
    assert not (folder / "out" / LOG).exists()
    (outcome,) = styled(watcher(folder), family)
    assert outcome.error == ""
    assert len(list(open_clip(folder / "out/a.mp4").frames())) == 6


@pytest.mark.parametrize(
    "tail", ['{"at": "2026', "[]", "7", '{"result": "a.png", "source": "a.png", "size": "x"}']
)
def test_a_log_that_breaks_off(folder: Path, family: Family, tail: str) -> None:
    photo(folder / "in/a.png")
    styled(watcher(folder), family)
    with (folder / "out" / LOG).open("a") as file:
        file.write(tail)
    assert names(watcher(folder)) == []
    photo(folder / "in/b.png")
    styled(watcher(folder), family)
    assert names(watcher(folder)) == [], "what is written after that can be read"


def test_folders_that_cannot_be(folder: Path) -> None:
    with pytest.raises(UsageError, match="is not a folder"):
        FolderWatcher(folder / "none", folder / "out")
    with pytest.raises(UsageError, match="is the folder that is watched"):
        FolderWatcher(folder / "in", folder / "in/../in")

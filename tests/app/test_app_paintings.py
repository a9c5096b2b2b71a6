"""Paintings on the page: sketches, stops, failures, and what they leave behind."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from impasto.app import paintings, sessions
from impasto.app.inference import DownloadOptions, stylize, write_download
from impasto.app.jobs import BackgroundJob, JobQueues
from impasto.app.limits import Limits
from impasto.app.look import StyleRequest
from impasto.app.paintings import Sketch, paint, paint_quickly
from impasto.app.sessions import Session
from impasto.errors import DivergenceError, ImpastoError, UsageError
from impasto.imaging import io
from impasto.painting.paint import Painter
from impasto.progress import Step
from tests.app.conftest import Reports, followed, write_photo

LOOK = StyleRequest((("starry-night", 1.0),), size=64, expert={"iterations": 12})


@pytest.fixture
def visit(tmp_path: Path) -> Session:
    (tmp_path / "visit").mkdir()
    return Session(tmp_path / "visit", 24, JobQueues(Limits()))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return write_photo(tmp_path / "photo.jpg")


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sketch of every gradient, so that nothing depends on how fast this machine is."""
    monkeypatch.setattr(paintings, "_BETWEEN", 0.0)


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def pixels(path: Path) -> Any:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


@pytest.mark.usefixtures("often")
def test_sketches_become_the_painting(visit: Session, photo: Path, told: Reports) -> None:
    sketches: list[Any] = []
    told.then = lambda sketch: sketches.append((sketch, pixels(sketch.shown[1])))
    followed(paint(visit, photo, LOOK, Limits()))
    *working, (last, picture) = sketches
    assert [sketch.done for sketch, _ in sketches] == sorted(sketch.done for sketch, _ in sketches)
    assert len(working) >= 10
    assert all(sketch.result is None and sketch.left >= 0 for sketch, _ in working)
    far = [np.abs(seen - picture).mean() for _, seen in working]
    assert far[0] > far[-1], "later sketches are nearer to the painting"
    assert last.done == 1
    assert not last.notes
    assert last.result is visit.results[0]
    assert not visit.is_busy


@pytest.mark.usefixtures("often")
def test_the_last_sketches_stay_for_a_slow_network(visit: Session, photo: Path, told: Reports) -> None:
    """Answers that are still on their way when the painting has ended are not of files that are gone."""
    followed(paint(visit, photo, LOOK, Limits()))
    *late, _ = [sketch.shown[1] for sketch in told][-8:]
    assert all(path.is_file() for path in late)


@pytest.mark.usefixtures("often")
def test_what_is_kept(visit: Session, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The photo and the picture as they are shown, the picture in full, the film: no sketches, in the end."""
    monkeypatch.setattr(sessions, "_RETIRED", 0)
    *_, last = followed(paint(visit, photo, LOOK, Limits()))
    assert last.result is not None
    assert last.result.film is not None
    assert files(visit.folder) == set(last.result.files)
    with Image.open(last.result.film) as film:
        assert film.n_frames > 3
    assert '"iterations": 12' in (io.read_record(last.result.whole or "") or "")


@pytest.mark.usefixtures("often")
def test_the_picture_so_far_is_kept_when_it_is_stopped(visit: Session, photo: Path, told: Reports) -> None:
    told.then = lambda sketch: visit.stop("painting") if len(told) == 3 else None
    *_, last = followed(paint(visit, photo, LOOK, Limits()))
    assert len(told) == 4
    assert last.result is visit.results[0]
    assert 0 < last.done < 1
    assert last.notes[-1].startswith(f"stopped at {last.done:.0%}")
    home = write_download(visit, visit.results[0], Limits())
    assert pixels(home).shape == pixels(photo).shape


@pytest.mark.usefixtures("often")
def test_a_new_painting_stops_the_one_before(visit: Session, photo: Path, told: Reports) -> None:
    jobs: list[BackgroundJob[Sketch]] = []
    told.then = lambda sketch: jobs.append(paint(visit, photo, LOOK, Limits())) if not jobs else None
    *_, last = followed(paint(visit, photo, LOOK, Limits()))
    assert "stopped" in last.notes[-1]
    *_, last = followed(jobs[0])
    assert last.done == 1


def test_what_cannot_be_painted_does_not_wait(visit: Session, photo: Path) -> None:
    """It is refused before there is a job, by its layers as well."""
    look = StyleRequest((("starry-night", 1.0),), size=64, expert={"style_layers": "relu9_9"})
    with pytest.raises(ImpastoError, match="relu9_9"):
        paint(visit, photo, look, Limits())
    assert not visit.jobs


def test_time_runs_out(visit: Session, photo: Path) -> None:
    look = StyleRequest((("starry-night", 1.0),), size=128, expert={"iterations": 2000})
    *_, last = followed(paint(visit, photo, look, Limits(job_minutes=0.01)))
    assert last.notes[-1].startswith("out of time at ")
    assert last.result is visit.results[0]
    assert last.result.seconds >= 0.6
    assert last.done < 0.5


def test_no_painting_is_larger_than_allowed(visit: Session, photo: Path) -> None:
    look = StyleRequest((("starry-night", 1.0),), size=512, expert={"iterations": 1})
    *_, last = followed(paint(visit, photo, look, Limits(painting_size=80)))
    assert last.result is not None
    assert max(pixels(last.result.whole or Path()).shape) == 80
    assert last.result.look.size == 80
    quick = paint_quickly(visit, write_photo(photo, size=(200, 100)), look, Limits(painting_size=80))
    assert max(pixels(quick.whole or Path()).shape) == 80


@pytest.mark.parametrize("job", [paint, stylize])
def test_photos_with_too_many_pixels(visit: Session, photo: Path, job: Any) -> None:
    write_photo(photo, size=(200, 100))
    with pytest.raises(ImpastoError, match=r"20,000 pixels"):
        job(visit, photo, LOOK, Limits(megapixels=0.015))
    assert not files(visit.folder)
    assert not visit.is_busy


def test_a_style_with_too_many_pixels(visit: Session, photo: Path, tmp_path: Path) -> None:
    style = write_photo(tmp_path / "large.png", size=(200, 100))
    with pytest.raises(ImpastoError, match=r"20,000 pixels"):
        paint(visit, photo, StyleRequest(((style, 1.0),), size=64), Limits(megapixels=0.015))


def failing(after: int, kind: type[Exception]) -> Any:
    """`Painter.steps` with an error after some of them."""
    steps = Painter.steps

    def fail(self: Painter) -> Iterator[Step]:
        for index, step in enumerate(steps(self)):
            if index == after:
                raise kind("the loss became infinite")
            yield step

    return fail


@pytest.mark.usefixtures("often")
def test_a_painting_that_diverges_keeps_its_last_good_picture(
    visit: Session, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Painter, "steps", failing(3, DivergenceError))
    *_, last = followed(paint(visit, photo, LOOK, Limits()))
    assert last.result is visit.results[0]
    assert last.notes == ("the loss became infinite; this is the last good picture",)


def test_nothing_is_kept_of_one_that_never_was(
    visit: Session, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Painter, "steps", failing(0, DivergenceError))
    with pytest.raises(DivergenceError):
        followed(paint(visit, photo, LOOK, Limits()))
    assert not visit.results
    assert not visit.is_busy


@pytest.mark.usefixtures("often")
def test_a_visitor_who_leaves_ends_the_work(visit: Session, photo: Path, told: Reports) -> None:
    told.then = lambda sketch: visit.end()
    with pytest.raises(ImpastoError):
        followed(paint(visit, photo, LOOK, Limits()))
    assert not visit.folder.exists()
    assert not visit.is_busy


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("end", ["failed", "stopped"])
def test_memory_is_given_back(
    visit: Session, photo: Path, end: str, told: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what Python allocates; `test_app_load` looks at the whole process."""
    if end == "failed":
        monkeypatch.setattr(Painter, "steps", failing(4, RuntimeError))

    told.then = lambda sketch: visit.stop("painting") if end == "stopped" else None

    def once() -> None:
        with pytest.raises(RuntimeError) if end == "failed" else nullcontext():
            followed(paint(visit, photo, LOOK, Limits()))
        visit.results.clear()
        told.clear()

    once()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(3):
            once()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 300_000, "a single float32 picture of this size and its like would be more after three"
    assert not visit.is_busy


def test_transparency_and_depth_come_home(visit: Session, tmp_path: Path) -> None:
    photo = tmp_path / "cut.png"
    with Image.open(write_photo(tmp_path / "photo.png")) as picture:
        picture.putalpha(Image.linear_gradient("L").resize(picture.size))
        picture.save(photo)
    result = stylize(visit, photo, LOOK, Limits())
    *_, last = followed(paint(visit, photo, LOOK, Limits()))
    assert last.result is not None
    for made in (result, last.result):
        with Image.open(write_download(visit, made, Limits())) as home, Image.open(photo) as given:
            assert home.mode == "RGBA"
            assert np.abs(np.asarray(home)[..., 3].astype(int) - np.asarray(given)[..., 3]).max() <= 2


def test_a_quick_painting_is_what_a_painting_begins_with(visit: Session, photo: Path, tmp_path: Path) -> None:
    style = write_photo(tmp_path / "carpet.png", (30, 160, 90), (80, 80))
    look = StyleRequest(((style, 1.0),), size=32)
    assert look.is_painted
    first = paint_quickly(visit, photo, look, Limits())
    assert visit.results == [first]
    assert first.whole is not None
    assert pixels(first.shown[0]).shape == pixels(first.shown[1]).shape == pixels(photo).shape
    assert '"effort": "quick"' in (io.read_record(first.whole) or "")
    assert np.abs(pixels(first.shown[1]) - pixels(photo)).mean() > 5
    second = paint_quickly(visit, photo, replace(look, strength=0.3), Limits())
    assert visit.results == [second], "it takes the place of the first"
    home = write_download(visit, second, Limits())
    assert pixels(home).shape == pixels(photo).shape


def test_a_download_is_as_large_as_possible(visit: Session, photo: Path) -> None:
    """A painting larger than the photo stays larger; other sizes and formats are there to choose."""
    side = 2 * max(pixels(photo).shape)
    look = replace(LOOK, size=side, expert={"iterations": 3})
    *_, last = followed(paint(visit, photo, look, Limits()))
    assert last.result is not None
    large, given = write_download(visit, last.result, Limits()), pixels(photo).shape
    assert max(pixels(large).shape) == side
    assert large.suffix == photo.suffix
    small = write_download(visit, last.result, Limits(), DownloadOptions("photo", "png"))
    assert (small.suffix, pixels(small).shape) == (".png", given)
    coarse = write_download(visit, last.result, Limits(), DownloadOptions(format="jpg", quality=50))
    assert coarse.stat().st_size < large.stat().st_size


@pytest.mark.parametrize("given", [{"size": "huge"}, {"format": "exe"}, {"quality": 0}])
def test_download_options_are_checked(given: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(given))):
        DownloadOptions(**given)

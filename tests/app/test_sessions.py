"""Visits: folders that cannot be guessed, results that are limited, and ends that leave nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from impasto.app import sessions as module
from impasto.app.jobs import BackgroundJob
from impasto.app.limits import Limits
from impasto.app.look import StyleRequest
from impasto.app.sessions import Result, Session, Sessions
from impasto.errors import UsageError

PHOTO = Path("photo.jpg")
NIGHT, WAVE = StyleRequest((("starry-night", 1.0),)), StyleRequest((("great-wave", 1.0),))


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is replaced is deleted without delay."""
    monkeypatch.setattr(module, "_RETIRED", 0)


@contextmanager
def working(visit: Session) -> Iterator[BackgroundJob[None]]:
    """A painting of a visit that goes on until it is stopped, or until the end of the block."""
    free = threading.Event()

    def work(job: BackgroundJob[None]) -> None:
        while not job.stop.wait(0.001) and not free.is_set():
            pass

    job: BackgroundJob[None] = visit.start("painting", work, 1.0)
    try:
        yield job
    finally:
        free.set()
        job.wait()


@pytest.fixture
def visits(tmp_path: Path) -> Sessions:
    return Sessions(tmp_path, Limits(results=3, keep_minutes=1))


def picture(visit: Session, name: str = "picture.jpg") -> Path:
    path = visit.new_file(name)
    path.write_bytes(b"picture")
    return path


def result(visit: Session, look: StyleRequest = NIGHT, photo: Path = PHOTO, painted: bool = False) -> Result:
    made = Result("stylized", photo, look, (picture(visit), picture(visit)), 0.1)
    if painted:
        made = replace(made, kind="painted", whole=picture(visit), film=picture(visit, "film.webp"))
    visit.add(made)
    return made


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def test_sessions_have_folders_of_their_own(visits: Sessions, tmp_path: Path) -> None:
    one, other = visits.of("one"), visits.of("other")
    assert one is visits.of("one") is not other
    assert len(visits) == 2
    for visit in (one, other):
        result(visit)
        assert visit.folder.parent == tmp_path
        assert len(visit.folder.name) == 32  # 128 bits of chance
    assert one.folder != other.folder
    assert {one.folder, other.folder} == set(tmp_path.iterdir())


def test_a_cookie_leads_back(visits: Sessions) -> None:
    """From any page of the browser; a page that began without it keeps what it has."""
    visit = visits.of("page", "cookie")
    assert visits.of("another page", "cookie") is visit
    assert visits.of("page") is not visit, "a page's name alone, which others may see, leads nowhere"
    early = visits.of("early page")
    assert visits.of("early page", "new cookie") is early
    assert visits.of("its next page", "new cookie") is early
    late = visits.of("late page")
    assert visits.of("late page", "cookie") is late
    visits.leave("another page")
    assert not visit.is_over, "a page is left, not the visit"


def test_pages_show_results_of_their_own(visits: Sessions) -> None:
    visit = visits.of("page", "cookie")
    one, other = result(visit), result(visit, WAVE)
    visit.put_on_page("page", one)
    visit.put_on_page("another page", other)
    assert visit.current == {"page": one, "another page": other}
    for number in range(100):
        visit.put_on_page(str(number), one)
    assert len(visit.current) == 20


def test_a_visitor_may_end_it(visits: Sessions, tmp_path: Path) -> None:
    visit = visits.of("page", "cookie")
    result(visit)
    with working(visit) as job:
        visits.forget(visit)
        assert job.stop.is_set()
    assert not list(tmp_path.iterdir())
    assert visits.of("page", "cookie") is not visit


def test_nothing_is_made_before_there_is_something_to_keep(tmp_path: Path) -> None:
    visits = Sessions(tmp_path / "visits", Limits())
    for number in range(10):
        visits.of(str(number)).stop("painting")
    assert not list(tmp_path.iterdir())


def test_visits_are_limited(tmp_path: Path) -> None:
    """Those go first of which nothing would be lost, then those that have asked for nothing for longest."""
    visits = Sessions(tmp_path, Limits(visits=3))
    first, second = visits.of("first"), visits.of("second")
    for visit in (first, second):
        result(visit)
    for number in range(20):
        visits.of(f"made up {number}")
    assert len(visits) == 3
    assert visits.of("first") is first
    assert visits.of("second") is second
    third = visits.of("third")
    result(third)
    visits.of("first")
    result(visits.of("fourth"))
    assert second.is_over
    assert not second.folder.exists()
    assert visits.of("first") is first
    assert visits.of("third") is third


def test_a_visit_with_a_job_does_not_make_way(tmp_path: Path) -> None:
    visits = Sessions(tmp_path, Limits(visits=2))
    busy, idle = visits.of("busy"), visits.of("idle")
    with working(busy):
        result(idle)
        visits.of("next")
        assert idle.is_over
        assert not busy.is_over
        with working(visits.of("next")), pytest.raises(UsageError, match="too many visitors"):
            visits.of("last")
    assert visits.of("last") is visits.of("last")


def test_no_name_of_a_session_is_kept_that_is_long(visits: Sessions) -> None:
    with pytest.raises(UsageError, match="session"):
        visits.of("x" * 10_000)
    assert len(visits) == 0


def test_no_name_leads_out_of_the_folder(visits: Sessions) -> None:
    visit = visits.of("one")
    for name in ("../../escape.jpg", "/etc/passwd", "a/b.jpg"):
        path = visit.new_file(name)
        assert path.parent.parent == visit.folder
        assert path.name == Path(name).name


def test_names_do_not_clash(visits: Sessions) -> None:
    visit = visits.of("one")
    assert len({visit.new_file("picture.jpg") for _ in range(20)}) == 20


def test_a_stylized_picture_takes_the_place_of_its_like(visits: Sessions) -> None:
    visit = visits.of("one")
    first, painted, second = result(visit), result(visit, painted=True), result(visit)
    assert visit.results == [second, painted]
    assert not any(path.exists() for path in first.files)
    assert all(path.exists() for path in (*second.files, *painted.files))


def test_other_photos_and_styles_stand_beside_it(visits: Sessions) -> None:
    visit = visits.of("one")
    made = [result(visit), result(visit, WAVE), result(visit, photo=Path("other.jpg"))]
    assert visit.results == made[::-1]


def test_the_oldest_make_way(visits: Sessions) -> None:
    visit = visits.of("one")
    made = [result(visit, painted=True) for _ in range(5)]
    assert visit.results == made[:1:-1]
    assert files(visit.folder) == {path for each in made[2:] for path in each.files}


def test_what_was_replaced_stays_for_answers_on_their_way(
    visits: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_RETIRED", 4)
    visit = visits.of("one")
    made = [result(visit) for _ in range(5)]
    assert visit.results == made[-1:]
    there = [all(path.exists() for path in each.files) for each in made]
    assert there == [False, False, True, True, True]


def test_what_another_result_shows_stays(visits: Sessions) -> None:
    visit = visits.of("one")
    first = result(visit)
    second = replace(first, shown=(first.shown[0], picture(visit)))
    visit.add(second)
    assert first.shown[0].exists()
    assert not first.shown[1].exists()


def test_downloads_make_way_for_later_ones(visits: Sessions) -> None:
    visit = visits.of("one")
    made = []
    for _ in range(9):
        made.append(visit.hand_out("picture.jpg"))
        made[-1].write_bytes(b"picture")
    assert made[-1].exists()
    assert 1 <= len(files(visit.folder)) <= 4


def test_leaving_deletes_everything(visits: Sessions, tmp_path: Path) -> None:
    stays = result(visits.of("other"))
    result(visits.of("one"))
    visits.leave("one")
    visits.leave("one")
    assert files(tmp_path) == set(stays.files)
    assert not visits.of("one").results


def test_nothing_is_written_after_the_end(visits: Sessions, tmp_path: Path) -> None:
    visit = visits.of("one")
    visits.leave("one")
    with pytest.raises(UsageError, match=r"has ended: reload the page"):
        visit.new_file("late.jpg")
    assert not list(tmp_path.iterdir())


def test_a_job_ends_with_its_visit(visits: Sessions, tmp_path: Path) -> None:
    visit = visits.of("one")

    def work(job: BackgroundJob[None]) -> None:
        late = picture(visit)
        visits.leave("one")
        assert job.stop.is_set()
        late.parent.mkdir(parents=True)  # as of a job that was about to write
        late.write_bytes(b"late")

    assert list(visit.start("painting", work, 1.0).follow(0.001)) == []
    assert not list(tmp_path.iterdir())


def test_a_new_job_takes_the_place_of_the_last_of_its_kind(visits: Sessions) -> None:
    visit = visits.of("one")
    assert not visit.is_busy
    with working(visit) as first:
        assert visit.is_busy
        assert not first.stop.is_set()
        with working(visit) as second:
            assert first.stop.is_set()
            assert not second.stop.is_set()
            visit.stop("training")
            assert not second.stop.is_set()
    assert not visit.is_busy
    visit.stop("painting")  # there is nothing to stop


def test_a_failed_job_leaves_the_visit_free(visits: Sessions) -> None:
    visit = visits.of("one")
    with pytest.raises(ZeroDivisionError):
        list(visit.start("painting", lambda job: 1 // 0, 1.0).follow(0.001))
    assert not visit.is_busy


def test_the_sweep_takes_the_idle(visits: Sessions) -> None:
    idle, busy, awake = (visits.of(name) for name in ("idle", "busy", "awake"))
    for visit in (idle, busy, awake):
        result(visit)
        visit.seen = time.monotonic() - 61
    awake.seen = time.monotonic() - 55
    with working(busy):
        visits.sweep()
        assert not idle.folder.exists()
        assert busy.folder.exists()
        assert awake.folder.exists()
    visits.sweep()
    assert not busy.folder.exists()
    assert len(visits) == 1


def test_a_question_keeps_a_visit_awake(visits: Sessions) -> None:
    visits.of("one").seen = time.monotonic() - 61
    visits.of("one")
    visits.sweep()
    assert len(visits) == 1


def test_closing_ends_all(visits: Sessions, tmp_path: Path) -> None:
    for name in ("one", "other"):
        result(visits.of(name))
    visits.close()
    assert len(visits) == 0
    assert not list(tmp_path.iterdir())


def test_many_at_once(visits: Sessions) -> None:
    """Threads that come at the same time see the same visit, whose results stay complete."""
    barrier, seen = threading.Barrier(8, timeout=60), []

    def come(index: int) -> None:
        barrier.wait()
        visit = visits.of("one")
        seen.append(visit)
        for _ in range(5):
            result(visit, photo=Path(f"{index}.jpg"))

    threads = [threading.Thread(target=come, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    visit = visits.of("one")
    assert all(each is visit for each in seen)
    assert len(visit.results) == 3
    assert files(visit.folder) == {path for each in visit.results for path in each.files}

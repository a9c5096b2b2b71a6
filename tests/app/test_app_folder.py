"""The folder that an app has for its visitors: gone when it ends, or when the next one starts."""

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from impasto.app import server
from impasto.atomic_files import held

pytest.importorskip("gradio")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="there are no locks")

ENDING = (signal.SIGTERM, signal.SIGHUP) if os.name != "nt" else ()


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go, and an app that only has a folder."""

    @contextmanager
    def idle(folder: Path, *_: Any, **__: Any) -> Iterator[str]:
        (folder / "photo.jpg").write_bytes(b"a visitor's")
        yield str(folder)

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(server, "_serving", idle)
    return tmp_path


def test_what_a_killed_app_left_is_removed_by_the_next(room: Path) -> None:
    left = room / "impasto-app-abc_1234"
    (left / "visits").mkdir(parents=True)
    (left / "visits" / "photo.jpg").write_bytes(b"a visitor's")
    others = [room / "impasto-apples", room / "gradio"]
    for other in others:
        other.mkdir()
    with server.serving() as own:
        assert sorted(room.iterdir()) == sorted([*others, Path(own)])
    assert sorted(room.iterdir()) == sorted(others)


def test_that_of_an_app_which_runs_stays(room: Path) -> None:
    with server.serving() as first:
        with held(Path(first)) as ours:
            assert not ours
        with server.serving() as second:
            assert Path(second) != Path(first)
            assert (Path(first) / "photo.jpg").exists()
        assert [str(path) for path in room.iterdir()] == [first]
    assert list(room.iterdir()) == []


@pytest.fixture
def handlers() -> Iterator[None]:
    """Of signals, as they were before the test."""
    before = {number: signal.getsignal(number) for number in ENDING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("number", ENDING)
def test_signals_end_it(room: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals) -> None:
    """A terminal that closes may say so twice: files are deleted none the less."""

    @contextmanager
    def cleaning(*_: Any, **__: Any) -> Iterator[str]:
        try:
            yield ""
        finally:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(server, "_serving", cleaning)
    signal.signal(number, signal.SIG_DFL)
    with pytest.raises(KeyboardInterrupt):
        server.launch(ready=lambda _: os.kill(os.getpid(), number))
    assert list(room.iterdir()) == []
    assert signal.getsignal(number) is signal.SIG_DFL


@pytest.mark.usefixtures("handlers")
def test_nohup_stays_in_force(room: Path) -> None:
    class Stayed(Exception):
        pass

    def ready(_: str) -> None:
        os.kill(os.getpid(), signal.SIGHUP)
        raise Stayed

    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with pytest.raises(Stayed):
        server.launch(ready=ready)


def test_uploads_that_were_given_up_are_removed(tmp_path: Path) -> None:
    """Gradio leaves what it cannot name; an upload that goes on is written to."""
    old, new, kept = (tmp_path / name for name in ("tmpold", "tmpnew", "photo.jpg"))
    for path in (old, new, kept):
        path.write_bytes(b"a visitor's")
    for path in (old, kept):
        os.utime(path, (0, 0))
    server.remove_unfinished(tmp_path)
    assert sorted(tmp_path.iterdir()) == [kept, new]

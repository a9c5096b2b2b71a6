"""The folder that an app has for its visitors: gone when it ends, or when the next one starts."""

import os
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

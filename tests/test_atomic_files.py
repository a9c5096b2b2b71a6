"""Drafts of killed processes disappear; those of living ones, and what others made, stay."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from impasto import atomic_files
from impasto.atomic_files import draft, draft_folder, held, held_while, only_writer, remove_abandoned, tidy
from impasto.errors import UsageError

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there are no locks to look at")

HOLDING = """
import sys, time
from pathlib import Path
from impasto.atomic_files import draft, draft_folder
with draft(Path(sys.argv[1], "picture.png")) as one, draft_folder(Path(sys.argv[1], "page")) as other:
    one.write_bytes(b"half")
    (other / "part").write_bytes(b"half")
    print("there", flush=True)
    time.sleep(60)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(autouse=True)
def new_process(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Forget what was tidied, as a new process does not know it."""

    def forget() -> None:
        monkeypatch.setattr(atomic_files, "_tidied", set())

    forget()
    return forget


def test_what_a_killed_process_leaves_goes_with_the_next_and_not_before(
    tmp_path: Path, new_process: Callable[[], None]
) -> None:
    command = [sys.executable, "-c", HOLDING, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "there\n"
        left = names(tmp_path)
        assert len(left) == 2
        with draft(tmp_path / "other.png") as path:
            assert names(tmp_path) == sorted([*left, path.name])
        process.send_signal(signal.SIGKILL)
        process.wait(60)
    assert names(tmp_path) == left
    new_process()
    with draft(tmp_path / "other.png") as path:
        assert names(tmp_path) == [path.name]
    assert names(tmp_path) == []


def test_only_drafts_are_removed(tmp_path: Path) -> None:
    others = (".impasto", ".impasto-mine.png", ".impasto-0123456789abc.png", "impasto-0123456789ab", "a.png")
    for name in others:
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / ".impasto-0123456789ab.png").symlink_to(tmp_path / "a.png")
    os.mkfifo(tmp_path / ".impasto-ba9876543210.png")  # which must not be waited for
    (tmp_path / ".impasto-012345abcdef.png").write_bytes(b"abandoned")
    tidy(tmp_path)
    assert ".impasto-012345abcdef.png" not in names(tmp_path)
    assert set(others) < set(names(tmp_path))
    assert (tmp_path / "a.png").read_bytes() == b"x"


def test_a_folder_is_looked_at_once(tmp_path: Path, new_process: Callable[[], None]) -> None:
    tidy(tmp_path)
    (tmp_path / ".impasto-012345abcdef").mkdir()
    tidy(tmp_path)
    assert len(names(tmp_path)) == 1
    new_process()
    tidy(tmp_path)
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_read_is_nobody_s_fault(tmp_path: Path) -> None:
    tidy(tmp_path / "absent")
    with pytest.raises(FileNotFoundError), draft(tmp_path / "absent" / "a.png"):
        pass


def test_a_draft_is_new_locked_and_gone_in_the_end(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with draft(tmp_path / "a.tar.gz") as path:
            assert path.suffix == ".gz"
            assert stat.S_IMODE(path.stat().st_mode) == 0o640
            with held(path) as ours:
                assert not ours
            path.write_bytes(b"whole")
            path.replace(tmp_path / "a.tar.gz")
    finally:
        os.umask(before)
    assert names(tmp_path) == ["a.tar.gz"]
    with held(tmp_path / "a.tar.gz") as ours:
        assert ours


def test_a_draft_that_was_swept_before_it_was_locked_is_made_again(tmp_path: Path) -> None:
    made: list[Path] = []

    def make() -> Path:
        path = tmp_path / f"draft-{len(made)}"
        path.touch()
        made.append(path)
        if len(made) == 1:
            path.unlink()  # by somebody who was quicker
        return path

    with held_while(make) as path:
        assert path == tmp_path / "draft-1"
        assert path.exists()
    assert names(tmp_path) == []


def test_where_nothing_can_be_locked_work_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no locks")

    monkeypatch.setattr("fcntl.flock", refuse)
    (tmp_path / ".impasto-012345abcdef").write_bytes(b"perhaps somebody's")
    with draft(tmp_path / "a.png") as path:
        path.write_bytes(b"whole")
        path.replace(tmp_path / "a.png")
    assert names(tmp_path) == [".impasto-012345abcdef", "a.png"]


def test_a_file_that_took_the_place_of_the_locked_one_is_not_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the lock and the look, the draft was renamed, and a new one has its name."""
    import fcntl
    import re

    usual, path = fcntl.flock, tmp_path / "draft"
    path.write_bytes(b"finished")

    def late(handle: int, operation: int) -> None:
        usual(handle, operation)
        path.replace(tmp_path / "final")
        path.write_bytes(b"new")

    monkeypatch.setattr("fcntl.flock", late)
    remove_abandoned(tmp_path, re.compile("draft"))
    assert (tmp_path / "final").read_bytes() == b"finished"
    assert path.read_bytes() == b"new"


def test_folders_are_removed_with_what_is_in_them(tmp_path: Path) -> None:
    with draft_folder(tmp_path / "page.d") as folder:
        (folder / "part").write_bytes(b"half")
    assert names(tmp_path) == []


WRITING = """
import sys, time
from pathlib import Path
from impasto.atomic_files import only_writer
with only_writer(Path(sys.argv[1])):
    print("there", flush=True)
    time.sleep(60)
"""


def test_a_second_writer_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    """Even if the first is killed and cannot tidy up; and under another name of the same file."""
    target, link = tmp_path / "film.mp4", tmp_path / "link.mp4"
    link.symlink_to(target)
    with subprocess.Popen(
        [sys.executable, "-c", WRITING, str(target)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "there\n"
        for name in (target, link):
            with (
                pytest.raises(UsageError, match=rf"another impasto is writing .*{name.name}"),
                only_writer(name),
            ):
                pass
        with only_writer(tmp_path / "other.mp4"):
            pass
        process.send_signal(signal.SIGKILL)
        process.wait(60)
    with only_writer(target):
        assert len(names(tmp_path)) == 2
    assert names(tmp_path) == ["link.mp4"]


def test_a_lock_that_was_left_is_tidied(tmp_path: Path, new_process: Callable[[], None]) -> None:
    with only_writer(tmp_path / "a.mp4"):
        (lock,) = tmp_path.iterdir()
        tidy(tmp_path)
        assert lock.exists()
    lock.touch()
    new_process()
    tidy(tmp_path)
    assert names(tmp_path) == []


def test_two_writers_of_one_process(tmp_path: Path) -> None:
    with only_writer(tmp_path / "a.mp4"), pytest.raises(UsageError), only_writer(tmp_path / "a.mp4"):
        pass
    with only_writer(tmp_path / "absent" / "a.mp4"):
        assert names(tmp_path) == []


def test_where_there_are_no_locks_writers_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "No")

    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    with only_writer(tmp_path / "a.mp4"):
        pass

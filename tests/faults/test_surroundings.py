"""Signals, clocks that jump, terminals that know no Unicode, and readers who have seen enough."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults import checks
from tests.faults.conftest import BY_NAME, Undisturbed, names
from tests.faults.jobs import OUT, picture
from tests.faults.workplace import ROOT, Nursery, prepare

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="forks, and sends signals"),
]

SHARES = (0.2, 0.5)  # of the time that the job takes
STOPPABLE = ("paint", "train", "video")


@pytest.mark.parametrize("name", [name for name in names("paint") if name.values[0] in STOPPABLE])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C twice"])
def test_asked_to_stop(
    name: str, number: int, nursery: Nursery, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    """Whole files, no drafts, no traceback; and the same results from there."""
    job = BY_NAME[name]
    whole, once = undisturbed(job)
    for share in SHARES:
        folder = prepare(job, tmp_path / str(share))
        at = share * once.seconds
        signals = [(at, number), (at + 0.05, number)] if number == signal.SIGINT else [(at, number)]
        end = nursery.run(folder, job.begin, signals=signals, first=job.first)
        assert "Traceback" not in end.said, end.said
        # at the very end of a run, when all is done, it ends at once
        assert end.code in (130, 0, -number), end.said
        assert checks.broken(folder) == []
        if end.code == 130:
            assert "stopped" in end.said
            assert list((folder / OUT).rglob(".*")) == [], "drafts were left behind"
        words = job.go_on(folder, job.begin)
        if words is not None:
            again = nursery.run(folder, words, first=job.first)
            assert again.code == 0, again.said
        found = checks.compare(job, folder, whole)
        if found and name == "video":  # which began a part where it was stopped, and with that the encoder
            assert len(found) == 1, found
            assert float(found[0].removeprefix("painted.mp4 differs by ")) < 10
        else:
            assert found == []


@pytest.mark.parametrize("name", names("video"))
def test_a_clock_that_jumps(name: str, nursery: Nursery, undisturbed: Undisturbed, tmp_path: Path) -> None:
    """By up to ten hours at every look: durations are measured by a clock that does not."""
    job = BY_NAME[name]
    folder = prepare(job, tmp_path / "room")
    end = nursery.run(folder, job.begin, first=(*job.first, "jump in time"))
    assert end.code == 0, end.said
    assert not re.search(r"\b(h|min)\b|(?<!\w)-\d", end.said), end.said
    assert checks.compare(job, folder, undisturbed(job)[0]) == []


ASCII = {
    "LANG": "C",
    "LC_ALL": "C",
    "PYTHONIOENCODING": "ascii",
    "PYTHONCOERCECLOCALE": "0",
    "PYTHONUTF8": "0",
}


def test_a_terminal_that_knows_no_unicode(nursery: Nursery, tmp_path: Path) -> None:
    picture(tmp_path / "fäß.jpg", "coffee", (96, 64))
    (tmp_path / OUT).mkdir()
    words = ("stylize", "fäß.jpg", "-o", "out/gemälde.png", "--style", "starry-night", "--runtime", "torch")
    end = nursery.run(tmp_path, words, environment=ASCII)
    assert end.code == 0, end.said
    assert [path.name for path in (tmp_path / OUT).iterdir()] == ["gemälde.png"]
    missing = nursery.run(tmp_path, ("stylize", "übel.jpg", *words[2:]), environment=ASCII)
    assert missing.code != 0
    assert "Traceback" not in missing.said
    assert "error: " in missing.said


def call(command: str) -> subprocess.CompletedProcess[str]:
    """A line for the shell, with `impasto` for this one."""
    return subprocess.run(
        ["bash", "-c", f'impasto() {{ "{sys.executable}" -m impasto "$@"; }}; {command}'],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1", **ASCII},
    )


@pytest.mark.parametrize(
    "words",
    [
        "--help",
        pytest.param("paint --help-all", marks=pytest.mark.slow),
        pytest.param("styles", marks=pytest.mark.slow),
    ],
)
def test_words_in_ascii_and_a_reader_who_has_seen_enough(words: str) -> None:
    done = call(f"impasto {words}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    cut = call(f"impasto {words} | head -1")
    assert cut.stdout
    assert "Traceback" not in cut.stderr, cut.stderr
    assert "Exception ignored" not in cut.stderr, cut.stderr

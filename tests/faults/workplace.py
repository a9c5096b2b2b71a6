"""Commands started from a nursery, in folders of their own, and what became of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults.jobs import Job, Words

ROOT = Path(__file__).parents[2]

_PATIENCE = 10.0  # seconds in which the helpers of a killed process notice


@dataclass(frozen=True)
class End:
    """How a process ended: number, exit code or minus a signal, seconds that it took, and what it said."""

    pid: int
    code: int
    seconds: float
    said: str

    @property
    def was_killed(self) -> bool:
        return self.code == -signal.SIGKILL


class Nursery:
    """Starts commands that are imported already."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert self._answer() == {"ready": True}

    def run(
        self,
        folder: Path,
        words: Words,
        *,
        signals: Sequence[tuple[float, int]] = (),
        first: Sequence[str] = (),
        limits: Mapping[str, int] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> End:
        """Run `impasto` with these words in a folder, to its end.

        Args:
            signals: pairs of seconds after the start and the signal that is sent then.
            first: of `nursery.FIRST`.
            limits: of `resource`, by name; that of RLIMIT_AS is on top of what is mapped at the start.
            environment: added to that of the tests. Temporary files go to `folder/tmp`.
        """
        log, temporary = folder / "log", folder / "tmp"
        temporary.mkdir(exist_ok=True)
        log.unlink(missing_ok=True)
        request = {
            "folder": str(folder),
            "words": words,
            "log": str(log),
            "signals": sorted(signals),
            "first": list(first),
            "limits": dict(limits or {}),
            "environment": {"TMPDIR": str(temporary), **(environment or {})},
        }
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._answer()
        said = log.read_text(errors="replace") if log.exists() else ""  # it may be killed before that
        return End(answer["pid"], answer["code"], answer["seconds"], said)

    def _answer(self) -> dict[str, object]:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


@contextmanager
def nursery() -> Iterator[Nursery]:
    """One for as long as the block lasts."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.faults.nursery"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"},
    ) as process:
        yield Nursery(process)


def prepare(job: Job, folder: Path) -> Path:
    """A new folder with what the job reads."""
    folder.mkdir(parents=True)
    job.prepare(folder)
    return folder


def run_undisturbed(job: Job, nursery: Nursery, folder: Path) -> End:
    """The job from its beginning to its end, in a new folder."""
    end = nursery.run(prepare(job, folder), job.begin, first=job.first)
    assert end.code == 0, end.said
    return end


def survivors(pids: Sequence[int]) -> list[int]:
    """Processes that those of these numbers started and that do not end, though their parent is gone."""
    deadline = time.monotonic() + _PATIENCE
    while (found := _in_sessions(pids)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def _in_sessions(pids: Sequence[int]) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                state, _, _, session = entry.joinpath("stat").read_text().rpartition(")")[2].split()[:4]
            except OSError:
                continue
            if int(session) in pids and state != "Z":
                found.append(int(entry.name))
    return found

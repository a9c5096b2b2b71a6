"""Runs workers, one target after the other, and keeps what kills them or stops them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from tests.fuzz import finds
from tests.fuzz.slate import Slate, State

HANG = 10.0  # seconds for one input
_GRACE = 900.0  # seconds beyond its time, for imports where other work has precedence
_LOOK = 0.1
_IN_MEMORY = Path("/dev/shm")
_ASLEEP = 6
_LOG_END = 6000  # characters


@dataclass(frozen=True)
class Round:
    """What came of a worker: inputs read, faults that were new, its peak growth in bytes, seconds."""

    count: int
    new_faults: int
    peak: int
    seconds: float


def run_round(
    folder: Path,
    target: str,
    *,
    seconds: float,
    seed: int,
    guided: bool = False,
    hang: float = HANG,
    memory: int | None = None,
    slow: float | None = None,
    module: str = "tests.fuzz.worker",
    stop: Event | None = None,
) -> Round:
    """Let one worker read inputs of a target. What stops it is kept in `folder/faults`.

    `hang` is in seconds of work, which on a busy machine take longer; a worker that sleeps hangs after six
    times as many. `slow` is how many of those seconds a small input may take, which the worker finds itself.
    `stop` ends it early.
    """
    folder.mkdir(parents=True, exist_ok=True)
    before = _faults(folder, target)
    options = [f"--seconds={seconds}", f"--seed={seed}", *(["--guided"] if guided else [])]
    options += [] if memory is None else [f"--memory={memory}"]
    options += [] if slow is None else [f"--slow={slow}"]
    started = time.monotonic()
    state, code, log = _watch(folder, [module, target, *options], hang, seconds + _GRACE, stop)
    if code == _STOPPED:
        pass
    elif state.current is not None:
        kind = "hang" if code == _HUNG else "crash"
        fault = f"{target} {code} {_innermost(log)}"
        finds.keep(folder / "faults", target, kind, fault, state.current, f"exit {code}\n{log}")
    elif code not in (0, _OVER):
        finds.keep(folder / "faults", target, "worker", f"{target} {code}", b"", f"exit {code}\n{log}")
    new = _faults(folder, target) - before
    return Round(state.count, new, state.peak, time.monotonic() - started)


_HUNG, _STOPPED = "hung", "stopped"
_OVER = 3  # of a worker that kept what was too large, and ended


def _faults(folder: Path, target: str) -> int:
    return finds.count(folder / "faults").get(target.replace(" ", "-"), 0)


def _watch(
    folder: Path, arguments: list[str], hang: float, limit: float, stop: Event | None = None
) -> tuple[State, int | str, str]:
    """The last state of a worker, its exit code or "hung" or "stopped", and the end of what it said."""
    with tempfile.TemporaryDirectory(dir=_IN_MEMORY if _IN_MEMORY.is_dir() else None) as name:
        path, log = Path(name) / "slate", Path(name) / "log"
        slate = Slate(path, new=True)
        module, *rest = arguments
        command = [sys.executable, "-m", module, *rest, f"--slate={path}", f"--folder={folder}"]
        with log.open("wb") as said:
            worker = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
            try:
                code = _wait(worker, slate, hang, limit, stop or Event())
            except BaseException:
                worker.kill()
                worker.wait()
                raise
        text = log.read_text(encoding="utf-8", errors="replace")
        return slate.read(), code, text[-_LOG_END:]


def _wait(worker: subprocess.Popen[bytes], slate: Slate, hang: float, limit: float, stop: Event) -> int | str:
    end, number, worked = time.monotonic() + limit, 0, 0.0
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return worker.wait(_LOOK)
        state, now, work = slate.read(), time.monotonic(), _seconds_of(worker)
        if state.count != number:
            number, worked = state.count, work
        hangs = state.current is not None and (work - worked > hang or now - state.since > _ASLEEP * hang)
        if hangs or now > end or stop.is_set():
            worker.send_signal(signal.SIGUSR1)  # which shows where it is
            time.sleep(_LOOK)
            worker.kill()
            worker.wait()
            return _STOPPED if stop.is_set() else _HUNG


def _seconds_of(worker: subprocess.Popen[bytes]) -> float:
    """That processors have worked for it."""
    try:
        ticks = Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    except OSError:  # it ended just now
        return 0.0
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def _innermost(log: str) -> str:
    """The first line of a traceback that faulthandler left: where the process was."""
    places = [line.strip() for line in log.splitlines() if line.strip().startswith("File ")]
    return places[0] if places else log[-200:]

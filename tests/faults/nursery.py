"""A process with everything imported, from which commands are forked: they begin at once, and can be killed.

Run as `python -m tests.faults.nursery`: reads a request as JSON from each line of its input, and answers with
one line. What is forked is a process of its own with the number that signals are sent to, as `impasto` is.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

_POLL = 0.002  # seconds
# what takes seconds to import, if not all of it is used by all
_NEEDED = (
    "impasto.painting.paint", "impasto.stylizing.batch.pipeline", "impasto.training.train",
    "impasto.stylizing.video",
    "torch._dynamo", "matplotlib.backends.backend_agg", "matplotlib.pyplot", "av.video.reformatter", "cv2",
)  # fmt: skip


def save_often() -> None:
    """Trainings write a checkpoint several times a second, as theirs here take seconds."""
    command = import_module("impasto.cli.train")
    usual = command.make_plan
    command.make_plan = lambda *given: replace(usual(*given), checkpoint_seconds=0.2)


def make_short_parts() -> None:
    """Videos are kept in parts of ten frames, as those here have few."""
    from impasto.stylizing.frames import NetworkStyler

    NetworkStyler.part_frames = 10


def jump_in_time() -> None:
    """The clock on the wall goes hours forwards or backwards at every look."""
    usual, chance = time.time, Random(1)
    time.time = lambda: usual() + chance.uniform(-36_000, 36_000)


FIRST: dict[str, Callable[[], None]] = {
    "save often": save_often,
    "short parts": make_short_parts,
    "jump in time": jump_in_time,
}


def main() -> None:
    for module in _NEEDED:
        import_module(module)
    gc.collect()
    gc.freeze()  # what was imported is not looked through, and thereby copied, in every process
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        began = time.monotonic()
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            _be_impasto(request)
            return
        print(json.dumps({"pid": pid, "code": _await(pid, request), "seconds": time.monotonic() - began}))
        sys.stdout.flush()


def _await(pid: int, request: dict[str, Any]) -> int:
    """Its exit code, or minus the signal that ended it."""
    signals = [(time.monotonic() + after, number) for after, number in request["signals"]]
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        while signals and time.monotonic() >= signals[0][0]:
            os.kill(pid, signals.pop(0)[1])
        time.sleep(_POLL)


def _be_impasto(request: dict[str, Any]) -> None:
    """In the forked process: what `impasto` would be, from here to its end."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(request["folder"])
    os.environ.update(request["environment"])
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (0, 1, 2):
        os.dup2(os.open(os.devnull, os.O_RDONLY) if stream == 0 else log, stream)
    for name in request["first"]:
        FIRST[name]()
    for name, most in request["limits"].items():
        most += _address_space() if name == "RLIMIT_AS" else 0
        resource.setrlimit(getattr(resource, name), (most, resource.RLIM_INFINITY))
    sys.argv = ["impasto", *request["words"]]
    from impasto.cli import main as impasto

    impasto()


def _address_space() -> int:
    """Bytes that this process has mapped."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()

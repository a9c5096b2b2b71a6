"""A worker for the watcher's own test: its targets break in every way that is watched for."""

from __future__ import annotations

import argparse
import ctypes
import faulthandler
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path

from tests.fuzz.slate import Slate
from tests.fuzz.target import Target
from tests.fuzz.worker import SLOW, Reading


def _wait() -> None:
    time.sleep(60)


def _work() -> None:
    end = time.process_time() + 0.3
    while time.process_time() < end:
        pass


def _grow() -> None:
    bytearray(b"x" * (300 << 20))


_WAYS: dict[str, Callable[[], object]] = {
    "error": lambda: 1 / 0,
    "crash": lambda: ctypes.string_at(0),
    "hang": _wait,
    "slow": _work,
    "memory": _grow,
    "sound": lambda: None,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    kinds = {"slate": Path, "folder": Path, "seconds": float, "seed": int, "memory": int, "slow": float}
    for name, kind in kinds.items():
        parser.add_argument(f"--{name}", type=kind)
    asked = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1)
    way = _WAYS[asked.target]
    target = Target(asked.target, lambda: [b"bad"], lambda data, folder: way())
    reading = Reading(target, Slate(asked.slate), asked.folder, asked.memory or 1 << 30, asked.slow or SLOW)
    reading(b"bad")
    end = time.monotonic() + (asked.seconds or 0)
    while asked.target == "sound" and time.monotonic() < end:
        reading(b"good")


if __name__ == "__main__":
    main()

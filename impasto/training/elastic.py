"""Restarts by torchrun, which runs the same command again: a training finds its own work, and goes on.

The main process leaves a mark in the training's folder. Who finds that of the same run, made by another
process, has been restarted.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path

from impasto.imaging.files import replacing

_MARK = "torchrun.txt"


def run_name() -> str | None:
    """Identifier of this torchrun run, unique over machines; None without torchrun.

    It is its --rdzv-id, or, where none was given, the machine and the process that started this one.
    """
    given = os.environ.get("TORCHELASTIC_RUN_ID")
    return f"{platform.node()} {os.getppid()}" if given == "none" else given


def is_restarted(folder: Path) -> bool:
    """Return whether a training's folder was begun by an earlier start of this very run."""
    if run_name() is None:
        return False
    try:
        run, process = (folder / _MARK).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return False
    return run == run_name() and process != _process()


def mark(folder: Path) -> None:
    """Say that this run works here; without torchrun, that none does. Raises ImageError on a full disk."""
    run = run_name()
    if run is None:
        (folder / _MARK).unlink(missing_ok=True)
        return
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / _MARK) as temporary:
        temporary.write_text(f"{run}\n{_process()}\n", encoding="utf-8")


def _process() -> str:
    return f"{platform.node()} {os.getpid()}"

"""What torchrun sets for the processes that it starts, set by a test."""

import os

import pytest


class Launcher:
    """Makes the test a process of a torchrun run, or of none."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch

    def __call__(self, run: str | None, process: int = 1, parent: int = 10) -> None:
        """This is now a process of that run, or of none."""
        self._patch.setattr(os, "getpid", lambda: process)
        self._patch.setattr(os, "getppid", lambda: parent)
        if run is None:
            self._patch.delenv("TORCHELASTIC_RUN_ID", raising=False)
        else:
            self._patch.setenv("TORCHELASTIC_RUN_ID", run)

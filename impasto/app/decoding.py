"""A deadline for decoding: a process that can be ended decodes an upload before the app does.

Limits on what a file holds do not tell how long every decoder takes, and a thread that decodes cannot be
stopped. A file that crashes a decoder ends that process, too, and not the app.
"""

from __future__ import annotations

import atexit
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

from impasto.app.limits import Limits
from impasto.errors import ImageError, ImpastoError, VideoError
from impasto.imaging.limits import decodes_quickly

_COMMAND = (sys.executable, "-P", "-m", "impasto.app.decode_worker")
_SIGNAL = getattr(signal, "SIGPROF", None)  # of the timer that a worker sets; Windows has none
_BY_CLOCK = 10 if _SIGNAL else 1  # seconds to wait for one of processor time
_ENDING = 10.0  # seconds in which a process ends that has closed its pipes
_REMEMBERED = 10_000  # files

Decoding = Literal["done", "slow", "crashed"]


class _Worker:
    """A process that decodes one file after another."""

    def __init__(self) -> None:
        pipe = subprocess.PIPE
        try:
            self._process = subprocess.Popen(
                _COMMAND, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True,
                start_new_session=True,  # Ctrl-C is for the app, which ends it
            )  # fmt: skip
        except OSError as error:
            raise ImpastoError(f"no process could be started to decode files: {error}; try later") from error
        self.has_worked = False

    def decode(self, request: str, patience: float) -> Decoding:
        """Have a file decoded. Unless the outcome is "done", the process has ended."""
        process, late = self._process, threading.Event()

        def end() -> None:
            late.set()
            process.kill()

        clock = threading.Timer(patience, end)
        clock.daemon = True  # the app's end does not wait for it
        clock.start()
        try:
            if self._answers(request):
                self.has_worked = True
                return "done"
            with suppress(subprocess.TimeoutExpired):  # its pipes are closed before it has ended
                process.wait(_ENDING)
        finally:
            clock.cancel()
            clock.join()
        self.close()
        is_slow = late.is_set() or (_SIGNAL and process.returncode == -_SIGNAL)
        return "slow" if is_slow else "crashed"

    def _answers(self, request: str) -> bool:
        """Send a request; return whether there was an answer before the process ended."""
        assert self._process.stdin and self._process.stdout
        with suppress(BrokenPipeError):
            self._process.stdin.write(f"{request}\n")
            self._process.stdin.flush()
            return bool(self._process.stdout.readline())
        return False

    def close(self) -> None:
        """End the process."""
        if self._process.poll() is None:
            self._process.kill()
        with suppress(BrokenPipeError):  # of a request that it did not take
            self._process.communicate()


class _Workers:
    """Workers that wait for files, and the outcomes of the last files."""

    def __init__(self) -> None:
        self._idle: list[_Worker] = []
        self._busy = 0
        self._changed = threading.Condition()
        self._outcomes: dict[tuple[str, int, int], Decoding] = {}

    def warm(self) -> None:
        """Start a worker, so that the first file does not wait for it."""
        with self._changed:
            if not self._idle:
                self._idle.append(_Worker())

    def outcome(self, path: Path, request: str, limits: Limits) -> Decoding:
        """Have a file decoded, unless its outcome is known."""
        status = path.stat()
        file = (request, status.st_ino, status.st_size)
        with self._changed:
            self._changed.wait_for(lambda: file in self._outcomes or self._busy < limits.answers)
            if file in self._outcomes:
                return self._outcomes[file]
            self._busy += 1
        try:
            outcome = self._decode(request, _BY_CLOCK * limits.decoding_seconds)
        finally:
            with self._changed:
                self._busy -= 1
                self._changed.notify_all()
        if outcome != "crashed":  # which may have had another cause
            self._remember(file, outcome)
        return outcome

    def close(self) -> None:
        """End all workers that wait."""
        with self._changed:
            while self._idle:
                self._idle.pop().close()

    def _decode(self, request: str, patience: float) -> Decoding:
        while True:
            with self._changed:
                worker = self._idle.pop() if self._idle else _Worker()
            had_worked = worker.has_worked
            outcome = worker.decode(request, patience)
            if outcome == "done":
                with self._changed:
                    self._idle.append(worker)
            if outcome != "crashed" or not had_worked:  # else it may have ended before this file
                return outcome

    def _remember(self, file: tuple[str, int, int], outcome: Decoding) -> None:
        with self._changed:
            self._outcomes[file] = outcome
            while len(self._outcomes) > _REMEMBERED:
                del self._outcomes[next(iter(self._outcomes))]


_WORKERS = _Workers()
warm = _WORKERS.warm
atexit.register(_WORKERS.close)


def check_decoding(path: Path, limits: Limits, containers: Sequence[str] = ()) -> None:
    """Raise ImageError, or VideoError, if decoding a file takes longer than the limit or crashes the decoder.

    A file that the app will refuse for another reason passes.

    Args:
        path: of a picture, or of a clip.
        containers: of clips that may be opened, by FFmpeg's names; empty for a picture.
    """
    try:
        if not containers and _decodes_quickly(path):
            return
        words = {
            "path": str(path), "pixels": limits.pixels, "seconds": limits.decoding_seconds,
            "containers": containers,
        }  # fmt: skip
        outcome = _WORKERS.outcome(path, json.dumps(words), limits)
    except OSError:
        return
    refusal = VideoError if containers else ImageError
    if outcome == "slow":
        raise refusal(
            f"{path.name} takes longer to decode than {limits.decoding_seconds:g} s, the limit here: make it "
            "smaller, or save it in another format"
        )
    if outcome == "crashed":
        raise refusal(f"{path.name} ended the program that decodes it: save it anew with another program")


def _decodes_quickly(path: Path) -> bool:
    with path.open("rb") as file:
        return decodes_quickly(file)

"""A pool of processes on this machine, by the standard library alone."""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Any

from impasto.errors import ClusterError, ImpastoError, MissingExtraError
from impasto.stylizing.cluster.task import Answer, ItemBatch, Task, packed, unpacked

AWAKE, _READY = "awake", "ready"  # what a worker says before it has its task, and before each batch
_MOST_DEATHS = 3  # of workers that never got ready
_PATIENCE = 20.0  # seconds for a worker to finish what it writes


class Processes:
    """A pool of `size` processes. One that dies is replaced; its unanswered items are left out."""

    def __init__(self, size: int) -> None:
        self._size = size

    def work(self, task: Task, batches: Sequence[ItemBatch], tell: Callable[[Answer], None]) -> None:
        floor = _Floor(task, batches, tell)
        try:
            floor.run(self._size)
        finally:
            floor.clear()


class _Floor:
    """Worker processes of one run."""

    def __init__(self, task: Task, batches: Sequence[ItemBatch], tell: Callable[[Answer], None]) -> None:
        self._task, self._waiting, self._tell = packed(task), deque(batches), tell
        self._workers: dict[Connection, Any] = {}
        self._getting_ready: set[Connection] = set()
        self._started = self._deaths = 0

    def run(self, size: int) -> None:
        for _ in range(min(size, len(self._waiting))):
            self._start()
        while self._workers:
            for line in wait(list(self._workers)):
                self._hear(line)  # type: ignore[arg-type]  # they are connections, as the keys are

    def clear(self) -> None:
        """Let workers finish what they are writing, and end them."""
        for process in self._workers.values():
            process.terminate()
        for line, process in self._workers.items():
            process.join(_PATIENCE)
            process.kill()
            process.join()
            self._hear_out(line)
        self._workers.clear()

    def _hear_out(self, line: Connection) -> None:
        """Read a worker's last messages after it was asked to stop."""
        with suppress(EOFError, OSError):
            while line.poll():
                if isinstance(word := line.recv(), Answer):
                    self._tell(word)
        line.close()

    def _start(self) -> None:
        context = get_context("spawn")  # a fork of a process with threads may hang
        ours, theirs = context.Pipe()
        process = context.Process(
            target=_serve, args=(theirs, self._started), name="impasto-worker", daemon=True
        )
        with safe_imports():
            process.start()
        theirs.close()
        self._started += 1
        self._workers[ours] = process
        self._getting_ready.add(ours)

    def _hear(self, line: Connection) -> None:
        try:
            word = line.recv()
        except (EOFError, OSError):
            self._bury(line)
            return
        if isinstance(word, Answer):
            self._tell(word)
        elif isinstance(word, ImpastoError):
            raise word
        elif word == AWAKE:
            with suppress(OSError):
                line.send(self._task)
        elif self._waiting:
            self._getting_ready.discard(line)
            with suppress(OSError):  # it died, which its line will say
                line.send(self._waiting.popleft())
        else:
            self._dismiss(line)

    def _dismiss(self, line: Connection) -> None:
        self._getting_ready.discard(line)
        with suppress(OSError):
            line.send(None)
        process = self._workers.pop(line)
        process.join(_PATIENCE)
        process.kill()
        line.close()

    def _bury(self, line: Connection) -> None:
        process = self._workers.pop(line)
        process.join()
        line.close()
        if line in self._getting_ready:
            self._getting_ready.discard(line)
            self._deaths += 1
            if self._deaths >= _MOST_DEATHS:
                raise ClusterError(
                    f"workers end while they start (exit code {process.exitcode}): there may be too little "
                    "memory for so many; try fewer workers="
                )
        if len(self._workers) < len(self._waiting):
            self._start()


@contextmanager
def safe_imports() -> Iterator[None]:
    """Processes that start within do not import modules from the current folder (`python -P`)."""
    name = "PYTHONSAFEPATH"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _serve(line: Connection, number: int) -> None:
    """Worker main loop. Ignores SIGINT, which the parent handles."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, stop)
    with suppress(OSError, WorkerStopped):
        try:
            line.send(AWAKE)
            _work(line, line.recv(), number)
        except Exception as error:
            line.send(portable(error))


def _work(line: Connection, task: bytes, number: int) -> None:
    _choose_gpu(number)
    from impasto.stylizing.cluster.worker import Worker

    with Worker(unpacked(task)) as worker:
        line.send(_READY)
        while (batch := line.recv()) is not None:
            worker(batch, line.send)
            line.send(_READY)


def _choose_gpu(number: int) -> None:
    """One each, in turn; where CUDA is told which to use, among those."""
    import torch

    if (count := torch.cuda.device_count()) > 1:
        torch.cuda.set_device(number % count)


def portable(error: Exception) -> ImpastoError:
    """An error that can be sent to the process that asked, in words for its user."""
    if isinstance(error, ImpastoError) and not isinstance(error, MissingExtraError):
        return error
    if isinstance(error, ImpastoError):
        return ClusterError(str(error))
    return ClusterError(f"a worker stopped ({type(error).__name__}: {error})")


class WorkerStopped(BaseException):
    """Somebody asked to stop."""


def stop(*_: object) -> None:
    """A handler for signals: ends the process in good order."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise WorkerStopped

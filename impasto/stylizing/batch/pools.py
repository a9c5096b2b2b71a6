"""Pools of workers behind one interface: this process, or processes of this machine."""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Any, Protocol

from impasto.device import DeviceName, available_memory
from impasto.errors import ClusterError, ImpastoError, MissingExtraError
from impasto.stylizing.batch.workers import Answer, ItemBatch, Task, Worker, packed, unpacked

_WORKER = 1_500_000_000  # bytes: what a worker takes with a photo that is just not painted in tiles
_PER_GPU = 3  # workers: one that reads or writes leaves the GPU to others


class WorkerPool(Protocol):
    """Interface of worker pools."""

    def work(self, task: Task, batches: Sequence[ItemBatch], tell: Callable[[Answer], None]) -> None:
        """Do all batches, in any order, and pass each answer to `tell`, in this thread.

        Work items are left without an answer where a worker died, and may have two if one died late. However
        it ends, no worker is left. Raises ImpastoError where workers cannot start, or a disk is full.
        """


class SerialPool:
    """A pool whose only worker is this process."""

    def work(self, task: Task, batches: Sequence[ItemBatch], tell: Callable[[Answer], None]) -> None:
        with Worker(task) as worker:
            for batch in batches:
                worker(batch, tell)


def default_size(device: DeviceName = "auto") -> int:
    """Default number of workers: one per processor, or three per GPU."""
    import torch

    room = available_memory(torch.device("cpu")) // _WORKER
    gpus = torch.cuda.device_count() if device in ("auto", "cuda") else 0
    return max(1, min(processors(), room, *([_PER_GPU * gpus] if gpus else [])))


def processors() -> int:
    """Number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


AWAKE, _READY = "awake", "ready"  # what a worker says before it has its task, and before each batch
_MOST_DEATHS = 3  # of workers that never got ready
_PATIENCE = 20.0  # seconds for a worker to finish what it writes


class ProcessPool:
    """A pool of `size` processes. One that dies is replaced; its unanswered items are left out."""

    def __init__(self, size: int) -> None:
        self._size = size

    def work(self, task: Task, batches: Sequence[ItemBatch], tell: Callable[[Answer], None]) -> None:
        processes = _WorkerProcesses(task, batches, tell)
        try:
            processes.run(self._size)
        finally:
            processes.clear()


class _WorkerProcesses:
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
            for connection in wait(list(self._workers)):
                self._receive(connection)  # type: ignore[arg-type]  # they are connections, as the keys are

    def clear(self) -> None:
        """Let workers finish what they are writing, and end them."""
        for process in self._workers.values():
            process.terminate()
        for connection, process in self._workers.items():
            process.join(_PATIENCE)
            process.kill()
            process.join()
            self._read_last(connection)
        self._workers.clear()

    def _read_last(self, connection: Connection) -> None:
        """Read a worker's last messages after it was asked to stop."""
        with suppress(EOFError, OSError):
            while connection.poll():
                if isinstance(message := connection.recv(), Answer):
                    self._tell(message)
        connection.close()

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

    def _receive(self, connection: Connection) -> None:
        try:
            message = connection.recv()
        except (EOFError, OSError):
            self._replace_dead(connection)
            return
        if isinstance(message, Answer):
            self._tell(message)
        elif isinstance(message, ImpastoError):
            raise message
        elif message == AWAKE:
            with suppress(OSError):
                connection.send(self._task)
        elif self._waiting:
            self._getting_ready.discard(connection)
            with suppress(OSError):  # it died, which its connection will say
                connection.send(self._waiting.popleft())
        else:
            self._dismiss(connection)

    def _dismiss(self, connection: Connection) -> None:
        self._getting_ready.discard(connection)
        with suppress(OSError):
            connection.send(None)
        process = self._workers.pop(connection)
        process.join(_PATIENCE)
        process.kill()
        connection.close()

    def _replace_dead(self, connection: Connection) -> None:
        process = self._workers.pop(connection)
        process.join()
        connection.close()
        if connection in self._getting_ready:
            self._getting_ready.discard(connection)
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
    """Keep processes started in the block from importing modules of the current folder (`python -P`)."""
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


def _serve(connection: Connection, number: int) -> None:
    """Worker main loop. Ignores SIGINT, which the parent handles."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, stop)
    with suppress(OSError, WorkerStopped):
        try:
            connection.send(AWAKE)
            _work(connection, connection.recv(), number)
        except Exception as error:
            connection.send(portable(error))


def _work(connection: Connection, task: bytes, number: int) -> None:
    _choose_gpu(number)
    from impasto.stylizing.batch.workers import Worker

    with Worker(unpacked(task)) as worker:
        connection.send(_READY)
        while (batch := connection.recv()) is not None:
            worker(batch, connection.send)
            connection.send(_READY)


def _choose_gpu(number: int) -> None:
    """Choose a GPU for each worker, in turn, among those that CUDA may use."""
    import torch

    if (count := torch.cuda.device_count()) > 1:
        torch.cuda.set_device(number % count)


def portable(error: Exception) -> ImpastoError:
    """Convert an error into one that can be sent to the parent process and shown to its user."""
    if isinstance(error, ImpastoError) and not isinstance(error, MissingExtraError):
        return error
    if isinstance(error, ImpastoError):
        return ClusterError(str(error))
    return ClusterError(f"a worker stopped ({type(error).__name__}: {error})")


class WorkerStopped(BaseException):
    """Raised in a worker that is asked to stop."""


def stop(*_: object) -> None:
    """Handle a signal: end the process in good order."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise WorkerStopped

"""A pool of Ray actors, on this machine or many, fed by Ray Data: the one file that imports ray.

Ray prints, catches signals and sets variables of its process: it gets a process of its own, which prints
nothing unless IMPASTO_DEBUG is set.
"""

from __future__ import annotations

import logging
import os
import pickle
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from importlib.util import find_spec
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from impasto.errors import ClusterError, ImpastoError, MissingExtraError
from impasto.stylizing.batch.pools import AWAKE, WorkerStopped, portable, safe_imports, stop
from impasto.stylizing.batch.workers import Answer, ItemBatch, Task, packed, unpacked

_RETRIES = 1  # of a batch whose worker died, by Ray itself
_PATIENCE = 30.0  # seconds for Ray to end its processes
_STORE = 200_000_000  # bytes for what is under way, on this machine: items and answers, no pictures
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
}
_OWN = {  # of a cluster on this machine
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # Ray's switch for 127.0.0.1, on any system
    "RAY_worker_niceness": "0",  # at Ray's 15, workers wait for every other program
}


def is_installed() -> bool:
    """Return whether Ray is installed, with Ray Data."""
    return find_spec("ray") is not None and find_spec("pyarrow") is not None


class RayPool:
    """A pool of Ray actors. One that dies is replaced, and its batch is tried once more.

    Args:
        address: of a cluster that runs, such as "10.0.0.1:6379"; None has one on this machine, as long as
            the work takes.
        size: how many actors; None for one a GPU of the cluster where there are any, else one a processor.

    Raises MissingExtraError where Ray is not installed.
    """

    def __init__(self, address: str | None, size: int | None) -> None:
        if not is_installed():
            raise MissingExtraError("Ray", "cluster", f"A cluster at {address}" if address else "A cluster")
        self._address, self._size = address, size

    def work(self, task: Task, batches: Sequence[ItemBatch], tell: Callable[[Answer], None]) -> None:
        if self._address:
            _check_address(self._address)
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        arguments = (theirs, self._address, self._size)
        process = context.Process(target=_serve, args=arguments, name="impasto-ray")
        with safe_imports():
            process.start()
        theirs.close()
        try:
            _hand_over(ours, process, packed(task), pickle.dumps(list(batches)))
            for answer in _receive(ours, process):
                tell(answer)
        finally:
            ours.close()
            process.terminate()
            process.join(_PATIENCE)
            process.kill()
            process.join()


def _hand_over(connection: Connection, process: Any, task: bytes, batches: bytes) -> None:
    """Send the work once the process is awake: one that has died would never empty the pipe."""
    try:
        connection.recv()
        connection.send((task, batches))
    except (EOFError, OSError) as error:
        process.join(_PATIENCE)
        raise ClusterError(f"Ray's process ended while it started (exit code {process.exitcode})") from error


def _check_address(address: str) -> None:
    """Raise ClusterError for an address without a cluster: Ray would wait for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, ValueError) as error:
        raise ClusterError(
            f"there is no Ray cluster at {address}: give HOST:PORT as ray start --head tells them"
        ) from error


def _receive(connection: Connection, process: Any) -> Iterator[Answer]:
    """Yield answers until the process reports its end. Raises ImpastoError where it failed."""
    while True:
        try:
            message = connection.recv()
        except (EOFError, OSError) as error:
            process.join(_PATIENCE)
            raise ClusterError(
                f"Ray ended by itself (exit code {process.exitcode}); IMPASTO_DEBUG=1 shows what it says"
            ) from error
        if message is None:
            return
        if isinstance(message, ImpastoError):
            raise message
        yield from message


def _serve(connection: Connection, address: str | None, size: int | None) -> None:
    """Main function of the process that Ray has to itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, stop)
    _silence()
    try:
        message: ImpastoError | None = None
        connection.send(AWAKE)
        task, batches = connection.recv()
        try:
            _run(connection, address, size, task, pickle.loads(batches))
        except Exception as error:
            logging.getLogger(__name__).exception("Ray did not get to the end")
            message = _explained(error)
        connection.send(message)
    except (OSError, WorkerStopped):  # the parent has ended
        return


def _silence() -> None:
    """Turn off what Ray prints and reports, unless IMPASTO_DEBUG is set."""
    os.environ.update({name: value for name, value in _QUIET.items() if name not in os.environ})
    if os.environ.get("IMPASTO_DEBUG"):
        return
    with Path(os.devnull).open("w") as nowhere:
        for stream in (1, 2):
            os.dup2(nowhere.fileno(), stream)


def _run(
    connection: Connection, address: str | None, size: int | None, task: bytes, batches: Sequence[ItemBatch]
) -> None:
    import ray

    if address is None:
        os.environ.update(_OWN)
    common = {"log_to_driver": False, "logging_level": logging.ERROR}
    own = {"num_cpus": size, "include_dashboard": False, "object_store_memory": _STORE}
    ray.init(address=address or "local", **common, **({} if address else own))
    try:
        for answers in _answers(size, task, batches):
            connection.send(answers)
    finally:
        with suppress(Exception):
            ray.shutdown()


def _answers(size: int | None, task: bytes, batches: Sequence[ItemBatch]) -> Iterator[list[Answer]]:
    """Yield the answers to batches; a row of Ray's data set is a batch, and becomes its answers."""
    import ray
    from ray.data import ActorPoolStrategy, DataContext, from_items

    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.max_errored_blocks = -1  # a batch that kills its workers is tried again, by the dispatcher
    there = ray.cluster_resources()
    gpus, cpus = int(there.get("GPU", 0)), max(1, int(there.get("CPU", 1)))
    actors = min(size or gpus or cpus, len(batches))
    rows = [{"batch": pickle.dumps(list(batch))} for batch in batches]
    answered = from_items(rows, override_num_blocks=len(rows)).map(
        _Actor,
        fn_constructor_args=(task,),
        compute=ActorPoolStrategy(size=actors),
        num_cpus=1,
        num_gpus=min(1.0, gpus / actors) if gpus else None,
        max_restarts=-1,
        max_task_retries=_RETRIES,
    )
    for row in answered.iter_rows():
        message = pickle.loads(row["answers"])
        if isinstance(message, ImpastoError):
            raise message
        yield message


class _Actor:
    """A worker in the form that Ray Data takes."""

    def __init__(self, task: bytes) -> None:
        from impasto.stylizing.batch.workers import Worker

        self._worker: Worker | None = None
        self._fault: ImpastoError | None = None
        try:
            self._worker = Worker(unpacked(task))
        except Exception as error:  # which Ray would try again for ever
            self._fault = portable(error)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        if self._worker is None:
            return {"answers": pickle.dumps(self._fault)}
        answers: list[Answer] = []
        try:
            self._worker(pickle.loads(row["batch"]), answers.append)
        except ImpastoError as error:
            return {"answers": pickle.dumps(portable(error))}
        return {"answers": pickle.dumps(answers)}


def _explained(error: Exception) -> ImpastoError:
    if isinstance(error, ImpastoError):
        return portable(error)
    first = str(error).strip().partition("\n")[0][:200]
    return ClusterError(
        f"Ray stopped ({type(error).__name__}: {first}); IMPASTO_DEBUG=1 shows all that it says"
    )

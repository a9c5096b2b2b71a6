"""Threads: executors that detect threads killed by lack of memory, and stages that prefetch for the next."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from queue import Empty, Full, Queue
from threading import Barrier, BrokenBarrierError, Event, Thread, current_thread
from typing import Any, Protocol, Self, TypeVar

T = TypeVar("T")

_PATIENCE = 60.0  # seconds for threads to begin
_MOMENT = 1.0  # seconds between two looks after them


class Executor(Protocol):
    """Interface of executors; leaving the context finishes running tasks."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *raised: Any) -> None: ...

    def submit(self, work: Callable[..., T], *arguments: Any) -> Callable[[], T]:
        """Start a task; the function returned waits for its result, and raises what the task raises."""
        ...

    def cancel_waiting(self) -> None:
        """Cancel tasks that have not started."""
        ...


class ThreadExecutor:
    """An executor with a fixed number of threads. A result raises MemoryError if its thread has died.

    They begin at once, while there is memory: a thread that begins without any lets whoever started it wait
    for ever (python/cpython#140746).
    """

    def __init__(self, number: int, name: str) -> None:
        self._pool, self._threads = ThreadPoolExecutor(number, name), list[Thread]()
        all_there = Barrier(number + 1, timeout=_PATIENCE)

        def begin() -> None:
            self._threads.append(current_thread())
            all_there.wait()

        try:
            for _ in range(number):
                self._pool.submit(begin)
            all_there.wait()
        except BrokenBarrierError:
            raise MemoryError("a thread did not begin") from None
        except BaseException:
            all_there.abort()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: Any) -> None:
        self._pool.shutdown()

    def submit(self, work: Callable[..., T], *arguments: Any) -> Callable[[], T]:
        asked = self._pool.submit(work, *arguments)
        return lambda: self._result(asked)

    def cancel_waiting(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def _result(self, asked: Future[T]) -> T:
        while not wait([asked], _MOMENT).done:
            if not all(thread.is_alive() for thread in self._threads) and not asked.done():
                raise MemoryError("a thread died at its work")
        return asked.result()


class InlineExecutor:
    """An executor that runs each task at once: with little to do, threads would only cost memory."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: Any) -> None:
        pass

    def submit(self, work: Callable[..., T], *arguments: Any) -> Callable[[], T]:
        done = work(*arguments)
        return lambda: done

    def cancel_waiting(self) -> None:
        pass


ItemT = TypeVar("ItemT")

_POLL = 0.05  # seconds between looks at whether anyone still wants more
_END = object()


def prefetch(items: Iterable[ItemT], depth: int = 3) -> Generator[ItemT, None, None]:
    """Yield the items in order, produced by a thread up to `depth` items in advance.

    An error of `items` is raised here, after what came before it. Closing the generator stops the thread and
    closes `items`, so that a chain of stages ends as one.
    """
    queue: Queue[Any] = Queue(depth)
    stop, failure = Event(), list[BaseException]()

    def work() -> None:
        source = iter(items)
        try:
            for item in source:
                if not _put(queue, item, stop):
                    return
        except BaseException as error:  # whatever it is, it belongs to whoever waits for the next item
            failure.append(error)
        finally:
            if isinstance(source, Generator):
                source.close()
            _put(queue, _END, stop)

    thread = Thread(target=work, name="impasto-ahead", daemon=True)
    thread.start()
    try:
        while (item := queue.get()) is not _END:
            yield item
        if failure:
            raise failure[0]
    finally:
        stop.set()
        _drain(queue)
        thread.join()


def _put(queue: Queue[Any], item: Any, stop: Event) -> bool:
    """Return whether the item was taken; not, once nobody waits for it."""
    while not stop.is_set():
        try:
            queue.put(item, timeout=_POLL)
            return True
        except Full:
            continue
    return False


def _drain(queue: Queue[Any]) -> None:
    try:
        while True:
            queue.get_nowait()
    except Empty:
        return

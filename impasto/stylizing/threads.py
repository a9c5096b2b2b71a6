"""Thread pool that detects workers killed by lack of memory, which die silently."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Barrier, BrokenBarrierError, Thread, current_thread
from typing import Any, Protocol, Self, TypeVar

T = TypeVar("T")

_PATIENCE = 60.0  # seconds for threads to begin
_MOMENT = 1.0  # seconds between two looks after them


class Executor(Protocol):
    """Interface of executors; leaving the context finishes running tasks."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *raised: Any) -> None: ...

    def ask(self, work: Callable[..., T], *arguments: Any) -> Callable[[], T]:
        """Have work done; what is returned gives its result, and raises what it raises."""
        ...

    def call_off(self) -> None:
        """Cancel tasks that have not started."""
        ...


class Threads:
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

    def ask(self, work: Callable[..., T], *arguments: Any) -> Callable[[], T]:
        asked = self._pool.submit(work, *arguments)
        return lambda: self._result(asked)

    def call_off(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def _result(self, asked: Future[T]) -> T:
        while not wait([asked], _MOMENT).done:
            if not all(thread.is_alive() for thread in self._threads) and not asked.done():
                raise MemoryError("a thread died at its work")
        return asked.result()


class Here:
    """A crew that does at once what it is asked for: with little to do, threads would only cost memory."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: Any) -> None:
        pass

    def ask(self, work: Callable[..., T], *arguments: Any) -> Callable[[], T]:
        done = work(*arguments)
        return lambda: done

    def call_off(self) -> None:
        pass

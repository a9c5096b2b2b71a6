"""Work on a stream in several threads at once, with little of it in memory."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Any, TypeVar

ItemT = TypeVar("ItemT")

_PATIENCE = 0.05  # seconds between looks at whether anyone still wants more
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
            _close(source)
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
            queue.put(item, timeout=_PATIENCE)
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


def _close(source: Iterator[Any]) -> None:
    if isinstance(source, Generator):
        source.close()

"""Queues for each kind of work, and jobs that run in threads of their own and that pages follow."""

from __future__ import annotations

import heapq
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from impasto.app.limits import Limits
from impasto.errors import UsageError

JobKind = Literal["answer", "painting", "video", "batch", "training"]
News = TypeVar("News")

# of a unit of work on two cores, until jobs on this machine have shown it. The units are an answer,
# the gradient of a pixel, a pixel of a frame or of a photo, and a second of training
_SECONDS: dict[JobKind, float] = {
    "answer": 0.5, "painting": 1.5e-6, "video": 5e-7, "batch": 4e-7, "training": 1.0
}  # fmt: skip
_LEARNED = 0.5  # weight of the newest job in the seconds of a unit
BETWEEN = 0.5  # seconds between two reports
_PATIENCE = 10.0  # seconds to wait for the end of a job that was told to stop


@dataclass(frozen=True)
class Waiting:
    """Report of a job that waits for its turn.

    Attributes:
        place: 1 if it is next.
        seconds: estimated, until it starts.
    """

    place: int
    seconds: float


class Ticket:
    """A place in a queue. A context manager, which leaves the queue in the end.

    Attributes:
        amount: of work, in the units of its kind.
        left: seconds until the end, as the running job itself estimates; None if it does not.
    """

    def __init__(self, queues: JobQueues, kind: JobKind, amount: float) -> None:
        self._queues, self.kind, self.amount = queues, kind, amount
        self.left: float | None = None
        self.started: float | None = None

    def __enter__(self) -> Ticket:
        return self

    def __exit__(self, *_: object) -> None:
        self._queues.leave(self)

    def waiting(self) -> Iterator[Waiting]:
        """Yield reports until it is this ticket's turn, or until it has left the queue."""
        while (place := self._queues.place(self)) and not self._queues.wait_for_turn(self, BETWEEN):
            yield place

    @property
    def remaining(self) -> float:
        """Estimated seconds until the end of a running job."""
        if self.left is not None:
            return self.left
        gone = 0.0 if self.started is None else time.monotonic() - self.started
        return max(0.0, self._queues.seconds(self.kind, self.amount) - gone)


class JobQueues:
    """One queue for each kind of work, first come, first served, each with slots of its own."""

    def __init__(self, limits: Limits) -> None:
        self._slots: dict[JobKind, int] = {
            "answer": limits.answers, "painting": limits.paintings, "video": limits.videos,
            "batch": limits.batches, "training": limits.trainings,
        }  # fmt: skip
        self._most = limits.waiting
        self._seconds = dict(_SECONDS)
        self._waiting: list[Ticket] = []
        self._running: list[Ticket] = []
        self._changed = threading.Condition()

    def enter(self, kind: JobKind, amount: float = 1.0) -> Ticket:
        """Take a place in a queue. Raises UsageError if as many requests wait as allowed."""
        ticket = Ticket(self, kind, amount)
        with self._changed:
            self._waiting.append(ticket)
            self._call_up()
            if len(self._waiting) > self._most:
                self._waiting.remove(ticket)
                raise UsageError("too many requests are waiting at the moment: try again later")
        return ticket

    @contextmanager
    def turn(self, kind: JobKind) -> Iterator[None]:
        """Wait for a turn, for the work in a `with` block. Raises UsageError as `enter` does."""
        with self.enter(kind) as ticket:
            self.wait_for_turn(ticket)
            yield

    def leave(self, ticket: Ticket) -> None:
        """Give back a place; the next in the queue gets its turn."""
        with self._changed:
            if ticket in self._running:
                self._running.remove(ticket)
            elif ticket in self._waiting:
                self._waiting.remove(ticket)
            self._call_up()

    def finish(self, ticket: Ticket) -> None:
        """Leave after work that was done in full, and learn from it how long such work takes."""
        with self._changed:
            if ticket.started is not None and ticket.kind != "training":
                took = (time.monotonic() - ticket.started) / max(ticket.amount, 1e-9)
                self._seconds[ticket.kind] += _LEARNED * (took - self._seconds[ticket.kind])
            self.leave(ticket)

    def wait_for_turn(self, ticket: Ticket, timeout: float | None = None) -> bool:
        """Wait until it is a ticket's turn or it has left; return False after the timeout."""
        with self._changed:
            return self._changed.wait_for(lambda: ticket not in self._waiting, timeout)

    def place(self, ticket: Ticket) -> Waiting | None:
        """Return where a ticket stands; None if it does not wait."""
        with self._changed:
            if ticket not in self._waiting:
                return None
            ahead = self._waiting[: self._waiting.index(ticket)]
            before = [one for one in ahead if one.kind == ticket.kind]
            return Waiting(len(before) + 1, self._until_free(ticket.kind, before))

    def outlook(self, kind: JobKind) -> Waiting | None:
        """Return where a new ticket would stand; None if it would have its turn at once."""
        with self._changed:
            waiting = [one for one in self._waiting if one.kind == kind]
            if not waiting and self._is_free(kind):
                return None
            return Waiting(len(waiting) + 1, self._until_free(kind, waiting))

    def seconds(self, kind: JobKind, amount: float) -> float:
        """Estimate the seconds of work."""
        return self._seconds[kind] * amount

    def _is_free(self, kind: JobKind) -> bool:
        return sum(one.kind == kind for one in self._running) < self._slots[kind]

    def _call_up(self) -> None:
        for ticket in list(self._waiting):
            if self._is_free(ticket.kind):
                self._waiting.remove(ticket)
                self._running.append(ticket)
                ticket.started = time.monotonic()
        self._changed.notify_all()

    def _until_free(self, kind: JobKind, before: list[Ticket]) -> float:
        """Estimate the seconds until a slot is free for the one behind `before`."""
        ends = [one.remaining for one in self._running if one.kind == kind]
        ends += [0.0] * (self._slots[kind] - len(ends))
        heapq.heapify(ends)
        for one in before:
            heapq.heapreplace(ends, ends[0] + self.seconds(kind, one.amount))
        return ends[0]


class BackgroundJob(Generic[News]):
    """A job in a thread of its own, which waits for its turn first. Any number of pages may follow it.

    Args:
        ticket: its place in a queue.
        work: called with the job when it is its turn. It reports by `tell`, and ends soon after `stop`
            is set.
        at_end: called after the end, in the same thread.

    Attributes:
        stop: set when the job is to end early, with what it has so far.
        news: the newest report; None if there is none.
        error: that ended it.
    """

    def __init__(
        self,
        queues: JobQueues,
        ticket: Ticket,
        work: Callable[[BackgroundJob[News]], None],
        at_end: Callable[[], None] = lambda: None,
    ) -> None:
        self.stop = threading.Event()
        self.news: News | None = None
        self.has_begun = False
        self._queues, self._ticket, self._at_end = queues, ticket, at_end
        self._told = 0
        self.error: Exception | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(work,), name=f"impasto-{ticket.kind}")
        self._thread.start()

    @property
    def is_over(self) -> bool:
        return self._ended.is_set()

    def tell(self, news: News, left: float | None = None) -> None:
        """Report; `left` are the seconds until the end, if they are known."""
        self.news, self._ticket.left = news, left
        self._told += 1

    def cancel(self) -> None:
        """Stop the job; one that waits leaves its queue at once."""
        self.stop.set()
        if not self.has_begun and self._queues.place(self._ticket):
            self._queues.leave(self._ticket)

    def wait(self) -> None:
        """Wait for the end of a job that was told to stop, some seconds at most."""
        if self._thread is not threading.current_thread():
            self._thread.join(_PATIENCE)

    def follow(self, between: float = BETWEEN) -> Iterator[News | Waiting]:
        """Yield new reports, at most one in `between` seconds, and the last one; raise the job's error."""
        seen = 0
        while True:
            is_over, told, news = self.is_over, self._told, self.news
            if not is_over and (place := self._queues.place(self._ticket)):
                yield place
            elif told != seen and news is not None:
                seen = told
                yield news
            if is_over:
                break
            self._ended.wait(between)
        if self.error:
            raise self.error

    def _run(self, work: Callable[[BackgroundJob[News]], None]) -> None:
        try:
            with self._ticket:
                self._queues.wait_for_turn(self._ticket)
                if not self.stop.is_set():
                    self.has_begun = True
                    work(self)
                    if not self.stop.is_set():
                        self._queues.finish(self._ticket)
        except Exception as error:
            _let_go(error)
            self.error = error
        finally:
            self._at_end()
            self._ended.set()


def _let_go(error: BaseException | None) -> None:
    """Clear the variables in an error's traceback, which would keep pictures and networks in memory."""
    while error:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__

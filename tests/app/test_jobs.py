"""Queues of jobs: order, slots, places, estimates, and leaving before one's turn."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from impasto.app.jobs import BackgroundJob, JobKind, JobQueues, Waiting
from impasto.app.limits import Limits
from impasto.errors import UsageError
from tests.app.conftest import wait_until

Start = Callable[..., BackgroundJob[str]]


@pytest.fixture
def queues() -> JobQueues:
    return JobQueues(Limits(waiting=3, trainings=2))


@pytest.fixture
def start(queues: JobQueues) -> Iterator[Start]:
    """Starts jobs that go on until they are told to stop; all are in the end."""
    jobs = []

    def begin(kind: JobKind = "painting", amount: float = 1.0) -> BackgroundJob[str]:
        def work(job: BackgroundJob[str]) -> None:
            job.tell("at work", 30.0)
            job.stop.wait(60)

        jobs.append(BackgroundJob(queues, queues.enter(kind, amount), work))
        return jobs[-1]

    yield begin
    for job in jobs:
        job.cancel()
    for job in jobs:
        job.wait()


def report(job: BackgroundJob[str]) -> str | Waiting:
    """The next report."""
    return next(job.follow(0.001))


def test_kinds_do_not_wait_for_each_other(start: Start) -> None:
    for kind in ("training", "painting", "video"):
        assert report(start(kind)) == "at work"


def test_first_come_first_served(start: Start) -> None:
    running, *waiting = (start() for _ in range(3))
    assert report(running) == "at work"
    assert [report(job) for job in waiting] == [Waiting(1, 30.0), Waiting(2, pytest.approx(30.0, abs=0.01))]
    running.cancel()
    wait_until(lambda: report(waiting[0]) == "at work")
    assert isinstance(report(waiting[1]), Waiting)


def test_slots_are_shared_by_those_of_a_kind(queues: JobQueues, start: Start) -> None:
    one, other = start("training"), start("training")
    assert [report(job) for job in (one, other)] == ["at work"] * 2
    assert queues.outlook("training") == Waiting(1, 30.0)
    assert queues.outlook("painting") is None
    third = start("training", 100.0)
    assert report(third) == Waiting(1, 30.0)
    assert queues.outlook("training") == Waiting(2, 30.0), "in the other slot"
    start("training", 50.0)
    assert queues.outlook("training") == Waiting(3, 80.0), "after the shorter one"


def test_who_stops_leaves_the_queue_at_once(queues: JobQueues, start: Start) -> None:
    running, second, third = start(), start(), start()
    assert report(running) == "at work"
    second.cancel()
    assert list(second.follow(60)) == [], "it does not wait for another's end"
    assert not second.has_begun
    assert report(third) == Waiting(1, 30.0)
    assert not running.stop.is_set()


def test_the_queue_has_an_end(queues: JobQueues, start: Start) -> None:
    """Those who wait count together, whatever they wait for."""
    for kind in ("painting", "video"):
        start(kind)
        start(kind)
    start("video")
    with pytest.raises(UsageError, match="too many requests are waiting at the moment"):
        start()
    assert report(start("training")) == "at work", "it does not wait"


def test_a_job_can_be_followed_anew(start: Start) -> None:
    job = start()
    first, second = job.follow(0.001), job.follow(0.001)
    assert next(first) == next(second) == "at work"
    first.close()  # type: ignore[attr-defined]
    assert not job.stop.is_set(), "it goes on where nobody looks"
    job.cancel()
    assert list(second) == []
    assert list(job.follow()) == ["at work"], "also after its end"


def test_estimates_are_learned(queues: JobQueues) -> None:
    before = queues.seconds("painting", 1e6)
    with queues.enter("painting", 1e9) as ticket:
        queues.finish(ticket)
    assert queues.seconds("painting", 1e6) == pytest.approx(before / 2, rel=0.01)
    assert queues.seconds("training", 60) == 60


def test_turns(queues: JobQueues) -> None:
    """Quick answers have no thread of their own; they wait in that of their request."""
    order: list[int] = []
    tickets = [queues.enter("answer") for _ in range(2)]

    def answer(number: int) -> None:
        with queues.turn("answer"):
            order.append(number)

    threads = [threading.Thread(target=answer, args=(number,)) for number in range(2)]
    for number, thread in enumerate(threads):
        thread.start()
        wait_until(lambda place=number + 2: queues.outlook("answer").place == place)  # type: ignore[misc, union-attr]
    assert order == []
    for ticket in tickets:
        queues.leave(ticket)
    for thread in threads:
        thread.join(60)
    assert sorted(order) == [0, 1]

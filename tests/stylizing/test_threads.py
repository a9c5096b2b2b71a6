"""Threads that do work, and whose end is noticed."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from impasto.stylizing import threads
from impasto.stylizing.threads import InlineExecutor, ThreadExecutor


@pytest.mark.parametrize("executor", [InlineExecutor, lambda: ThreadExecutor(2, "impasto-test")])
def test_answers_come_in_the_order_of_asking(executor: Any) -> None:
    with executor() as workers:
        answers = [workers.submit(pow, number, 2) for number in range(9)]
        assert [answer() for answer in answers] == [number**2 for number in range(9)]


@pytest.mark.parametrize("executor", [InlineExecutor, lambda: ThreadExecutor(2, "impasto-test")])
def test_errors_reach_whoever_asked(executor: Any) -> None:
    with executor() as workers, pytest.raises(ZeroDivisionError):
        workers.submit(divmod, 1, 0)()


def test_all_threads_begin_at_once_and_end() -> None:
    with ThreadExecutor(3, "impasto-test"):
        assert len(alive()) == 3
    assert alive() == []


def test_cancelled_tasks_do_not_start() -> None:
    begun, may_end, done = threading.Event(), threading.Event(), list[int]()
    with ThreadExecutor(1, "impasto-test") as workers:

        def hold() -> None:
            begun.set()
            may_end.wait(60)

        workers.submit(hold)
        workers.submit(done.append, 1)
        assert begun.wait(60)
        threading.Timer(0.1, may_end.set).start()
        workers.cancel_waiting()
    assert done == []


def test_a_thread_that_dies_at_its_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own end, and not that of the work, is what nobody is told of."""

    def no_memory(*given: object) -> None:
        raise MemoryError

    monkeypatch.setattr(threads, "_MOMENT", 0.05)
    with ThreadExecutor(2, "impasto-test") as workers:
        monkeypatch.setattr(Future, "set_result", no_memory)
        answer = workers.submit(int)
        with pytest.raises(MemoryError, match="a thread died at its work"):
            answer()


def test_a_thread_that_does_not_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    submit, asked = ThreadPoolExecutor.submit, list[object]()

    def lose_the_second(pool: Any, work: Any) -> Any:
        asked.append(work)
        return submit(pool, work) if len(asked) == 1 else None

    monkeypatch.setattr(ThreadPoolExecutor, "submit", lose_the_second)
    monkeypatch.setattr(threads, "_PATIENCE", 0.3)
    with pytest.raises(MemoryError, match="a thread did not begin"):
        ThreadExecutor(2, "impasto-test")


def alive() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("impasto-test")]

import threading
from collections.abc import Iterator

import pytest

from impasto.stylizing.threads import prefetch


def threads() -> int:
    return sum(thread.name == "impasto-ahead" for thread in threading.enumerate())


def test_order_and_end() -> None:
    assert list(prefetch(range(50))) == list(range(50))
    assert list(prefetch([])) == []
    assert threads() == 0


def test_items_are_made_in_another_thread_and_in_advance() -> None:
    made: list[int] = []
    third = threading.Event()

    def source() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            if number == 2:
                third.set()
            yield threading.get_ident()

    stream = prefetch(source(), depth=2)
    assert next(stream) != threading.get_ident()
    assert third.wait(10)  # made although nobody asked yet
    stream.close()
    assert len(made) <= 2 + 3  # waiting, taken, and one in the making


def test_an_error_comes_after_what_was_before_it() -> None:
    def source() -> Iterator[int]:
        yield 1
        raise ValueError("damaged")

    stream = prefetch(source())
    assert next(stream) == 1
    with pytest.raises(ValueError, match="damaged"):
        next(stream)
    assert threads() == 0


def test_closing_ends_a_chain() -> None:
    closed: list[str] = []

    def source() -> Iterator[int]:
        try:
            yield from range(1000)
        finally:
            closed.append("source")

    stream = prefetch(number + 1 for number in prefetch(source()))
    assert next(stream) == 1
    stream.close()
    assert closed == ["source"]
    assert threads() == 0


def test_an_error_of_the_consumer_ends_it_too() -> None:
    stream = prefetch(prefetch(range(1000)))
    with pytest.raises(KeyboardInterrupt):
        for _ in stream:
            raise KeyboardInterrupt
    stream.close()
    assert threads() == 0

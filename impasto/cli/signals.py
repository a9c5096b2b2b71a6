"""Ctrl-C as a request: work ends between two of its steps, when it has saved what is to be saved."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

_ASKING = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stopping() -> Iterator[Event]:
    """An event that the first Ctrl-C sets, so that no step is left half done; the second one interrupts."""
    stop = Event()
    before = {number: signal.getsignal(number) for number in _ASKING}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def ask(*_: object) -> None:
        stop.set()
        restore()

    for number in _ASKING:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        restore()


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGTERM, as `kill`, containers and shutdowns send it, means what Ctrl-C means.

    When the block ends, so does all that could be saved: from then on, either ends the process at once.
    """
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        for number in _ASKING:
            if signal.getsignal(number) is signal.default_int_handler:
                signal.signal(number, signal.SIG_DFL)

"""Ctrl-C as a request: work ends between two of its steps, when it has saved what is to be saved."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

# on Windows, there is no SIGHUP
_ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
_ASKING = (signal.SIGINT, *_ENDING)


@contextmanager
def stopping() -> Iterator[Event]:
    """An event that the first Ctrl-C sets, so that no step is left half done; the second one interrupts."""
    stop = Event()
    handlers = {number: signal.getsignal(number) for number in _ASKING}
    before = {number: handler for number, handler in handlers.items() if handler is not signal.SIG_IGN}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def ask(*_: object) -> None:
        stop.set()
        restore()

    for number in before:  # what is ignored, such as SIGHUP under nohup, stays so
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        restore()


@contextmanager
def interruptible() -> Iterator[None]:
    """Handle SIGTERM (`kill`, containers, shutdowns) and SIGHUP (a closed terminal) like Ctrl-C.

    When the block ends, so does all that could be saved: from then on, either ends the process at once.
    """
    for number in _ENDING:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in _ASKING:
            if signal.getsignal(number) is signal.default_int_handler:
                signal.signal(number, signal.SIG_DFL)

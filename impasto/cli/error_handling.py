"""Errors and Ctrl-C: a sentence and an exit code instead of a traceback."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

import typer

from impasto.cli.display import complain, say
from impasto.device import ran_out_of_memory
from impasto.errors import ImpastoError, UsageError

INTERRUPTED = 130  # as shells have it: 128 and the number of SIGINT
# on Windows, there is no SIGHUP
_ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
_ASKING = (signal.SIGINT, *_ENDING)


@contextmanager
def explained() -> Iterator[None]:
    """Turn an exception into one line and an exit code; also a decorator for commands.

    2 is for what was asked, 1 for what went wrong. A bug is shown in full if IMPASTO_DEBUG is set.
    """
    try:
        yield
    except ImpastoError as error:
        complain(str(error))
        raise typer.Exit(2 if isinstance(error, UsageError) else 1) from error
    except KeyboardInterrupt as error:
        say("stopped; nothing was written")
        raise typer.Exit(INTERRUPTED) from error
    except Exception as error:
        if os.environ.get("IMPASTO_DEBUG") or isinstance(error, typer.Exit | typer.Abort):
            raise
        complain(_in_words(error))
        raise typer.Exit(1) from error


@contextmanager
def announced() -> Iterator[None]:
    """Print "stopped" for an interrupt before a command begins, which Typer would end without a word."""
    try:
        yield
    except KeyboardInterrupt as error:
        say("stopped")
        raise typer.Exit(INTERRUPTED) from error


def _in_words(error: Exception) -> str:
    if ran_out_of_memory(error):
        return "memory ran out: choose a smaller --size"
    return str(error) if isinstance(error, OSError) else _as_bug(error)


def _as_bug(error: Exception) -> str:
    reason = " ".join(str(error).splitlines())  # PyTorch's have several
    return (
        f"internal error ({type(error).__name__}: {reason}): please report it, with the output of the "
        "same command with IMPASTO_DEBUG=1"
    )


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

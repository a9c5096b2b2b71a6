"""Errors in words: one line for a person, and an exit code for a script."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from impasto.cli.display import complain, say
from impasto.device import ran_out_of_memory
from impasto.errors import ImpastoError, UsageError

INTERRUPTED = 130  # as shells have it: 128 and the number of SIGINT


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

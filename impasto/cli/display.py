"""Messages and progress bars on standard error."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from impasto.options import kebab

Show = Callable[[float, str, str], None]  # share of the work done, what is being done, how it stands

_SECONDS_BETWEEN_LINES = 10.0
# what breaks a line, commands a terminal, turns the direction of a text, or is no character
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

# parameters that the library's messages name, and such a name in a message, but no part of a file's name
_PARAMETERS = (
    "backbone", "compare", "learning_rate", "overwrite", "pattern", "photos", "precision", "resume",
    "runtime_dir", "scales", "size", "tile", "to", "workers",
)  # fmt: skip
_PARAMETER = re.compile(rf"(?<![^\s(])(?P<name>{'|'.join(_PARAMETERS)})=(?P<value>\w+)?(?=[\s,:;)]|$)")


def plain(text: str) -> str:
    """A text from elsewhere, of a card or a file's name, on one line and without what commands the terminal.

    Such characters are escaped as in Python: a line break is backslash and n.
    """
    return _CONTROLS.sub(lambda found: ascii(found[0])[1:-1], text)


def say(message: str, label: str = "", style: str = "") -> None:
    """Print one line, whatever is in the message: a file's name is no markup, and nothing breaks the line."""
    if not _leads():
        return
    prefix = (f"{label}: ", style) if label else ""
    console = Console(stderr=True, highlight=False)
    with console.capture() as capture:
        console.print(Text.assemble(prefix, plain(message)), soft_wrap=True)
    sys.stderr.write(capture.get())  # which a bar, while there is one, takes and puts above itself
    sys.stderr.flush()


def warn(message: str) -> None:
    """Print what the user should know although the work goes on."""
    say(with_flags(message), "note", "yellow")


def complain(message: str) -> None:
    """Print why the work ends."""
    say(with_flags(message), "error", "bold red")


def with_flags(message: str) -> str:
    """Turn parameters that the library names, such as `size=512` and `overwrite=True`, into flags."""
    return _PARAMETER.sub(lambda found: _flag(found["name"], found["value"]), message)


def _flag(name: str, value: str | None) -> str:
    """The flag of a parameter: "--overwrite" for True, "--size 512", or "--size" without a value."""
    given = "" if value in (None, "True") else f" {value}"
    return f"--{kebab(name)}{given}"


def counted(number: int, noun: str) -> str:
    """ "1 photo", "2 photos"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def as_time(seconds: float) -> str:
    """A duration as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


@contextmanager
def progress(quiet: bool, *, clock: bool = True) -> Iterator[Show]:
    """A bar in a terminal, a line now and then in a log, nothing if `quiet`.

    `clock` tells the time that is left, by how fast the bar grows, unless the state does so itself.
    """
    console = Console(stderr=True)
    if quiet or not _leads():
        yield lambda done, doing, state: None
    elif console.is_terminal:
        with _bar(console, clock) as show:
            yield show
    else:
        yield _Lines()


@contextmanager
def download(quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Progress of a download: takes the bytes that are here, and those in all."""
    with progress(quiet) as show:
        yield partial(show_download, show)


def show_download(show: Show, here: int, total: int) -> None:
    """Show a download of weights: the bytes that are here, and those in all."""
    show(here / total, "downloading weights", f"{here / 1e6:.0f} of {total / 1e6:.0f} MB")


@contextmanager
def _bar(console: Console, clock: bool) -> Iterator[Show]:
    """A bar that appears when there is something to show, and leaves no trace."""
    columns = [
        TextColumn("{task.description}", markup=False),
        BarColumn(None),
        TaskProgressColumn(),
        TextColumn("{task.fields[state]}", style="dim", markup=False),
        *([TimeRemainingColumn(compact=True)] if clock else []),
    ]
    bar = Progress(*columns, console=console, transient=True, expand=True, refresh_per_second=5)
    task = bar.add_task("", total=1.0, state="")

    def show(done: float, doing: str, state: str) -> None:
        bar.start()
        bar.update(task, completed=done, description=plain(doing), state=plain(state))

    try:
        yield show
    finally:
        bar.stop()


def _leads() -> bool:
    """Return whether this process prints: of those that torchrun starts, only one does."""
    return os.environ.get("RANK", "0") == "0"


class _Lines:
    """Progress for a log: a line when something new is done, and else every ten seconds."""

    def __init__(self) -> None:
        self._doing, self._next = "", 0.0

    def __call__(self, done: float, doing: str, state: str) -> None:
        if doing != self._doing or time.monotonic() >= self._next:
            self._doing, self._next = doing, time.monotonic() + _SECONDS_BETWEEN_LINES
            say(f"{done:4.0%}  {doing}  {state}".rstrip())

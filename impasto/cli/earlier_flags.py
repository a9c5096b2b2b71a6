"""Flags by their earlier names, which go on working."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from impasto.cli.display import warn
from impasto.options import RENAMED


def with_current_flags(words: Iterable[str]) -> Iterator[str]:
    """The words of a command line with today's names of flags; a warning tells each.

    >>> list(with_current_flags(["photo.jpg", "--keep-color=luminance"]))
    ['photo.jpg', '--keep-color=luminance']
    """
    for word in words:
        flag, equals, value = word.partition("=")
        current = _CURRENT.get(flag, flag)
        if current != flag:
            warn(f"{flag} is now called {current}")
        yield current + equals + value


def _flags(names: Iterable[str]) -> list[str]:
    kebab = [name.replace("_", "-") for name in names]
    return [f"--{start}{name}" for start in ("", "no-") for name in kebab]


_CURRENT = {"--licence": "--license", **dict(zip(_flags(RENAMED), _flags(RENAMED.values()), strict=True))}

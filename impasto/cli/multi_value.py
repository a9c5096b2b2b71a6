"""Options that take a list: `--styles a b c` for `--styles a --styles b --styles c`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from typer.core import TyperCommand


class ListCommand(TyperCommand):
    """A command whose repeatable options take all words up to the next option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        repeatable = {
            name for option in self.params if getattr(option, "multiple", False) for name in option.opts
        }
        return super().parse_args(ctx, list(spread(args, repeatable)))


def spread(words: Iterable[str], repeatable: Collection[str]) -> Iterator[str]:
    """The words with the name of a repeatable option before each of its values.

    >>> list(spread(["photo.jpg", "--styles", "a", "b", "-o", "sheet.png"], {"--styles"}))
    ['photo.jpg', '--styles', 'a', '--styles', 'b', '-o', 'sheet.png']
    """
    option, first = "", True
    for word in words:
        if word.startswith("-"):
            option, first = word if word in repeatable else "", True
        elif option and not first:
            yield option
        else:
            first = False
        yield word

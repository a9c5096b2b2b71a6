"""The reference of the command line, made from the commands: what --help-all shows, on one page."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import import_module
from itertools import groupby
from typing import Any

import typer
from rich.text import Text

from impasto.cli import app

_FIRST = "Options"  # the panel of options that are in none


def page() -> str:
    """Every command with its arguments and options, in Markdown."""
    return "\n".join(line for name, command in commands().items() for line in _section(name, command))


@cache
def commands() -> dict[str, Any]:
    """By name, in the order of `impasto --help`: click's commands."""
    found = getattr(typer.main.get_command(app), "commands").items()  # noqa: B009
    return {name: _own(name, command) for name, command in found if not command.hidden}


def options_of(command: Any) -> list[Any]:
    """All that a command knows, but for its help."""
    return [parameter for parameter in command.params if parameter.param_type_name == "option"]


def _own(name: str, command: Any) -> Any:
    """The command itself, or the one in a module of its own that it hands its words to."""
    if not command.context_settings.get("ignore_unknown_options"):
        return command
    return typer.main.get_command(import_module(f"impasto.cli.{name}").app)


def _section(name: str, command: Any) -> Iterator[str]:
    arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    usage = [f"impasto {name} [OPTIONS]", *map(_in_usage, arguments)]
    yield f"\n## impasto {name} {{ #{name} }}\n"
    yield from (f"{_prose(paragraph)}\n" for paragraph in re.split(r"\n\s*\n", command.help or ""))
    yield f"```text\n{' '.join(usage)}\n```\n"
    if arguments:
        yield from _table("Argument", ((_name(argument), argument) for argument in arguments))
    for panel, members in groupby(sorted(options_of(command), key=_rank), key=_panel):
        yield from _table(panel, ((_flags(option), option) for option in members))
    if command.epilog:
        yield f"{_prose(command.epilog)}\n"


def _in_usage(argument: Any) -> str:
    name = _name(argument)
    many = "..." if argument.nargs == -1 and "..." not in name else ""
    return f"{name}{many}" if argument.required else f"[{name.strip('[]')}]{many}"


def _name(argument: Any) -> str:
    return argument.metavar or argument.name.upper()


def _table(title: str, rows: Iterable[tuple[str, Any]]) -> Iterator[str]:
    yield f"| {title} | |\n| --- | --- |"
    for name, parameter in rows:
        code = " ".join(f"<code>{_cell(part)}</code>" for part in name.split())
        text, default = _described(parameter)
        shown = f' <span class="default">{_cell(default)}</span>' if default else ""
        yield f"| {code} | {_cell(text)}{shown} |"
    yield ""


def _flags(option: Any) -> str:
    names = " ".join(sorted([*option.opts, *option.secondary_opts], key=lambda name: name.startswith("--")))
    value = (option.metavar or "").strip()
    return f"{names} {value}".strip()


def _described(parameter: Any) -> tuple[str, str]:
    """What a parameter is for, and its default: the dim part of its help, or what the command starts with."""
    text = Text.from_markup(parameter.help or "")
    dim = [text.plain[span.start : span.end] for span in text.spans if span.style == "dim"]
    said = text.plain
    for part in dim:
        said = said.replace(part, "").strip()
    default = parameter.default
    if not dim and default not in (None, False, ()) and parameter.param_type_name == "option":
        dim = ["on" if default is True else str(default)]
    if parameter.required and parameter.param_type_name == "option":
        dim = ["required"]
    return said, dim[-1].strip("()") if dim else ""


def _panel(option: Any) -> str:
    return option.rich_help_panel or _FIRST


def _rank(option: Any) -> tuple[bool, str]:
    return _panel(option) != _FIRST, _panel(option)


def _prose(text: str) -> str:
    return _cell(Text.from_markup(" ".join(text.split())).plain)


def _cell(text: str) -> str:
    """Text that Markdown leaves alone, in a table, too."""
    return re.sub(r"([|*_`\[\]])", lambda found: f"&#{ord(found[0])};", html.escape(text, quote=False))

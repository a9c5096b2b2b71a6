"""Flags: made of options, with several values, completed, and spelled as they were."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import wraps
from inspect import Parameter
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import typer
from rich.markup import escape
from typer.core import TyperCommand

from impasto import recipes, styles
from impasto.cli.display import warn
from impasto.errors import UsageError
from impasto.options import RENAMED
from impasto.recipes import RecipeJob

EXPERT = "Expert options"
CONTROL = "Control options"
OUTPUT = "Output options"

Command = Callable[..., None]


@dataclass(frozen=True)
class Flag:
    """Command-line appearance of an options field.

    Attributes:
        help: a phrase; the default is appended.
        value: a word for what is given; choices and numbers name themselves.
        unset: what to call None, where that is the default.
        parse: reads the text given; without it the field's type says how.
        panel: its place in the help. All but the first panel are shown by --help-all only.
    """

    help: str
    value: str = ""
    unset: str = ""
    parse: Callable[[str], Any] | None = None
    panel: str | None = None


def with_flags(options: type, flags: Mapping[str, Flag], into: str = "given") -> Callable[[Command], Command]:
    """Decorate a command so that its parameter `given`, or `into`, becomes one flag per entry of `flags`.

    Each is named after a field of the dataclass `options`. The command receives a dictionary of those that
    were given. Raises UsageError, when called, for a text that cannot be read.
    """
    hints = get_type_hints(options)
    defaults = {field.name: field.default for field in fields(options)}

    def decorate(command: Command) -> Command:
        @wraps(command)
        def parsed(**arguments: Any) -> None:
            texts = {name: arguments.pop(name) for name in flags}
            given = {
                name: _parse(name, text, flags[name], hints[name])
                for name, text in texts.items()
                if text is not None
            }
            command(**arguments, **{into: given})

        added = [_parameter(name, flag, hints[name], defaults[name]) for name, flag in flags.items()]
        signature = inspect.signature(command, eval_str=True)
        all_ = [p for own in signature.parameters.values() for p in (added if own.name == into else [own])]
        parsed.__signature__ = signature.replace(parameters=all_)  # type: ignore[attr-defined]
        return parsed

    return decorate


def panel(name: str) -> dict[str, Any]:
    """Keywords for a `typer.Option` in a panel that only --help-all shows."""
    return {"rich_help_panel": name, "hidden": True}


def show_all(context: typer.Context, asked: bool) -> None:
    """Callback of --help-all: the help with nothing hidden."""
    if asked:
        for parameter in context.command.params:
            parameter.hidden = False  # type: ignore[attr-defined]
        typer.echo(context.get_help(), nl=False)
        raise typer.Exit


HelpAll = Annotated[
    bool,
    typer.Option("--help-all", is_eager=True, callback=show_all, metavar="", help="Show all options."),
]

# flags that several commands have
QuietFlag = Annotated[bool, typer.Option("--quiet", "-q", metavar=" ", help="Print nothing but errors.")]
SuffixFlag = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="SUFFIX",
        help="Output format: jpg, png, webp or tiff [dim](as the photo)[/dim]",
        **panel(OUTPUT),
    ),
]
BitDepthFlag = Annotated[
    str,
    typer.Option(
        metavar="auto|8|16",
        help="Bits per channel of PNG and TIFF; auto: as the photo.",
        **panel(OUTPUT),
    ),
]
QualityFlag = Annotated[
    int,
    typer.Option(metavar="N", min=1, max=100, help="Quality of JPEG and WebP, 1 to 100.", **panel(OUTPUT)),
]
StripMetadataFlag = Annotated[
    bool,
    typer.Option(
        "--strip-metadata",
        metavar=" ",
        help="Do not write the photos' EXIF, nor the record of the options.",
        **panel(OUTPUT),
    ),
]
MaxPixelsFlag = Annotated[
    float | None,
    typer.Option(metavar="MEGAPIXELS", help="Refuse larger photos [dim](250)[/dim]", **panel(OUTPUT)),
]
DeviceFlag = Annotated[
    str, typer.Option(metavar="auto|cpu|cuda|mps|xpu", help="Device to compute on.", **panel(EXPERT))
]
PrecisionFlag = Annotated[
    str,
    typer.Option(metavar="auto|float32|bfloat16", help="Number format of the network.", **panel(EXPERT)),
]
RuntimeFlag = Annotated[
    str,
    typer.Option(metavar="auto|torch|openvino|onnxruntime", help="Inference library.", **panel(EXPERT)),
]


def parse_megapixels(number: float | None) -> int | None:
    """Pixels; None is None."""
    if number is None:
        return None
    if not 0 < number < math.inf:
        raise UsageError(f"--max-pixels must be a number of megapixels above 0, not {number}")
    return round(number * 1e6)


def parse_bit_depth(text: str) -> int | None:
    """Bits per channel; None for auto."""
    if text not in ("auto", "8", "16"):
        raise UsageError(f"--bit-depth is auto, 8 or 16, not {text}")
    return None if text == "auto" else int(text)


def _parameter(name: str, flag: Flag, hint: Any, default: Any) -> Parameter:
    types = list(_flatten(hint))
    is_switch = bool in types
    option = typer.Option(
        f"--{_dashed(name)}/--no-{_dashed(name)}" if is_switch else f"--{_dashed(name)}",
        help=f"{flag.help} [dim]({escape(_shown(default, flag))})[/dim]",
        metavar=" " if is_switch else flag.value or _value_name(hint, types),
        **(panel(flag.panel) if flag.panel else {}),
    )
    kind = bool if is_switch else str
    return Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option])


def _shown(default: Any, flag: Flag) -> str:
    if isinstance(default, bool):
        return "on" if default else "off"
    return flag.unset if default is None else f"{default}"


def _value_name(hint: Any, types: list[Any]) -> str:
    choices = [str(choice) for choice in types if isinstance(choice, str)]
    return "|".join(choices) or ("NUMBER" if {int, float} & set(types) else "TEXT")


def _flatten(hint: Any) -> Iterator[Any]:
    """The types of a union, and the values of a Literal."""
    if get_origin(hint) is Literal:
        yield from get_args(hint)
    elif get_args(hint) and get_origin(hint) is not tuple:
        for part in get_args(hint):
            yield from _flatten(part)
    elif hint is not NoneType:
        yield hint


def _parse(name: str, text: Any, flag: Flag, hint: Any) -> Any:
    if isinstance(text, bool):
        return text
    types = list(_flatten(hint))
    parse = flag.parse or (int if int in types else float if float in types else str)
    try:
        return parse(text)
    except UsageError:
        raise
    except ValueError as error:
        kind = "a whole number" if int in types else "a number"
        raise UsageError(f"--{_dashed(name)} must be {kind}, not {text}") from error


def _dashed(name: str) -> str:
    return name.replace("_", "-")


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


def style_names(incomplete: str) -> list[str]:
    """The shipped style cards that begin so."""
    return _beginning(styles.cards(), incomplete)


def recipe_names(job: RecipeJob) -> Callable[[str], list[str]]:
    """A function that gives the recipes for a job that begin so."""

    def names(incomplete: str) -> list[str]:
        return _beginning(recipes.names(job), incomplete)

    return names


def _beginning(names: Iterable[str], start: str) -> list[str]:
    return [name for name in names if name.startswith(start)]


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

"""Parse `--results`, `--engine` and `--video`: names, folders, engines. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from impasto.errors import UsageError
from impasto.options import check_choice, check_range
from impasto.painting.options import PaintOptions
from impasto.safe_paths import exists, is_file
from impasto.stylizing.controls import StyleControls
from impasto.stylizing.runtime import RuntimeName

EngineName = Literal["stylize", "paint"]
_OURS = ("size", "device")  # options of engines that the evaluation itself decides


@dataclass(frozen=True)
class EngineSpec:
    """A way to make the pictures, the options that it is given, and what its column is called."""

    name: str
    engine: EngineName
    options: Mapping[str, Any] = field(default_factory=dict)


def parse_named(text: str) -> tuple[str, Path]:
    """Name and path of `mine=DIR`, or of `DIR`, which gives its own name; a path of that very name wins."""
    name, _, path = text.partition("=")
    if path and not exists(text):
        return name, Path(path)
    return Path(text).resolve().stem if is_file(text) else Path(text).resolve().name, Path(text)


def by_name(texts: list[str], flag: str) -> dict[str, Path]:
    """Parse all values of one flag. Raises UsageError for duplicate names."""
    named: dict[str, Path] = {}
    for name, path in map(parse_named, texts):
        if name in named:
            raise UsageError(f"two {flag} are called {name}: name them, as in {flag} mine={path}")
        named[name] = path
    return named


def parse_engine(text: str) -> EngineSpec:
    """Of `stylize`, `paint:strength=0.7,iterations=30` or `bold=stylize:strength=1`.

    Raises UsageError for an unknown engine or option, or for what an option cannot be.
    """
    head, _, rest = text.partition(":")
    name, _, engine = head.rpartition("=")
    check_choice("an engine", engine, EngineName)
    options = dict(map(_parse_option, filter(None, rest.split(","))))
    known = _known_options(engine)
    for option in options:
        if option not in known:
            raise UsageError(f"{engine} has no option {option}: choose among {', '.join(known)}")
    _check(engine, options)
    told = " ".join([engine, *(f"{option}={value}" for option, value in options.items())])
    return EngineSpec(name or told, engine, options)  # type: ignore[arg-type]  # checked above


def _known_options(engine: str) -> tuple[str, ...]:
    if engine == "paint":
        return tuple(option.name for option in fields(PaintOptions) if option.name not in _OURS)
    return ("strength", *(handle.name for handle in fields(StyleControls)), "runtime", "precision")


def _check(engine: str, options: Mapping[str, Any]) -> None:
    if engine == "paint":
        PaintOptions(**options)
        return
    handles = {handle.name for handle in fields(StyleControls)}
    StyleControls(**{name: value for name, value in options.items() if name in handles})
    check_range("strength", options.get("strength", 1.0), 0, 1)
    check_choice("runtime", options.get("runtime", "auto"), RuntimeName)


def _parse_option(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"{text} is no option of an engine: write it as in stylize:strength=0.8")
    return name.strip().replace("-", "_"), _parse_value(value.strip())


def _parse_value(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text

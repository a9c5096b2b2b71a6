"""Record of how a picture was painted, written into the picture's file and read from it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from importlib.metadata import version
from os import PathLike, fspath
from typing import Any

from impasto.errors import UsageError
from impasto.imaging import io
from impasto.options import RENAMED
from impasto.painting.objective import Style
from impasto.painting.options import PaintOptions
from impasto.progress import Step

_RENAMED = RENAMED | {"style_size": "stroke_size"}  # options that had other names in older versions
_KINDS: dict[Any, type] = {"str": str, "bool": bool}  # types of options without a check of their own


def make_record(options: PaintOptions, styles: Sequence[Style], step: Step) -> str:
    """Make the record of how the picture of a step was painted, as JSON; `options_from` reads it."""
    return json.dumps(
        {
            "impasto": version("impasto"),
            "options": asdict(options),
            "styles": [style.weight for style in styles],
            "losses": {name: round(value, 6) for name, value in step.losses.items()},
            "done": round(step.done, 4),
        }
    )


def options_from(path: str | PathLike[str]) -> PaintOptions:
    """Read the options of a painting from its record. Raises UsageError for a picture without a record."""
    record = io.read_record(path)
    try:
        stored = json.loads(record or "")["options"]
        named = {_RENAMED.get(name, name): _frozen(value) for name, value in stored.items()}
        known = {field.name: _KINDS.get(field.type, object) for field in fields(PaintOptions)}
        given = {name: value for name, value in named.items() if name in known}
        if not all(isinstance(value, known[name]) for name, value in given.items()):
            raise TypeError("a text or a switch is none")
        return PaintOptions(**given)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(
            f"{fspath(path)} holds no record of its options: choose a picture that impasto made"
        ) from error


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value

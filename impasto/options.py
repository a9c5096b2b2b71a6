"""Shared parts of the options of all jobs: lists of layers, names, and checks. Does not import torch."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import fields
from functools import wraps
from numbers import Integral, Real
from typing import Any, Literal, TypeVar, get_args

from impasto.errors import UsageError

PREDICTED_LIGHT = 0.75  # `keep_light` for networks that the adaptive network wrote: they paint clouds
KeepColor = Literal["none", "luminance", "histogram", "lab-transfer"]
StyleLoss = Literal["moments", "gram", "sliced", "nearest"]
Pooling = Literal["max", "average", "l2"]
SUMMED: tuple[StyleLoss, ...] = ("moments", "gram")  # losses of sums over positions, which tiles can add up
Layers = tuple[tuple[str, float], ...]  # names with weights
RENAMED = {
    "keep_colour": "keep_color",
    "keep_colour_amount": "keep_color_amount",
    "normalise": "normalize",
}  # earlier names of fields, which files and callers may still use, and the current names

OptionsClass = TypeVar("OptionsClass", bound=type)
OptionsT = TypeVar("OptionsT")


def from_keywords(options: type[OptionsT], given: Mapping[str, Any]) -> OptionsT:
    """Make an options object from keywords.

    Raises UsageError, which lists the valid names, for an unknown name; and as the options class.
    """
    known = [field.name for field in fields(options)]  # type: ignore[arg-type]
    for name in given:
        if name not in known:
            raise UsageError(f"there is no option {name}: choose among {', '.join(known)}")
    return options(**given)


def with_current_names(options: Mapping[str, Any]) -> dict[str, Any]:
    """Replace earlier names of fields by the current names."""
    return {RENAMED.get(name, name): value for name, value in options.items()}


def accepts_earlier_names(options: OptionsClass) -> OptionsClass:
    """Decorate an options class to accept earlier names of its fields, with a DeprecationWarning."""
    initialize = vars(options)["__init__"]
    earlier = {
        old: new
        for old, new in RENAMED.items()
        if new in options.__annotations__ and not hasattr(options, old)
    }

    @wraps(initialize)
    def __init__(self: Any, *values: Any, **named: Any) -> None:
        for old in earlier.keys() & named.keys():
            warnings.warn(f"{old} is now called {earlier[old]}", DeprecationWarning, stacklevel=2)
            named[earlier[old]] = named.pop(old)
        initialize(self, *values, **named)

    options.__init__ = __init__  # type: ignore[misc]
    return options


def parse_layers(value: str | Iterable[str | tuple[str, float]] | None) -> Layers | None:
    """Parse layers with weights from `relu1_1=0.5,relu2_1`, from names, or from pairs; None stays None."""
    if value is None:
        return None
    items = [item.strip() for item in value.split(",")] if isinstance(value, str) else list(value)
    layers = tuple(_parse_layer(item) for item in items if item)
    if not layers:
        raise UsageError("a list of layers is empty: write for instance relu1_1=0.5,relu2_1")
    if len({name for name, _ in layers}) < len(layers):
        raise UsageError(f"a layer is named twice in {', '.join(name for name, _ in layers)}")
    if not any(weight for _, weight in layers):
        raise UsageError(f"the weights of {', '.join(name for name, _ in layers)} are all 0")
    return layers


def kebab(text: str) -> str:
    """Convert a text to lower case with hyphens: "Starry Night_2" becomes "starry-night-2"."""
    return re.sub(r"[\W_]+", "-", text.lower()).strip("-") or "style"


def check_choice(name: str, value: str, choices: Any) -> None:
    """Raise UsageError unless the value is one of a Literal type's values."""
    if value not in get_args(choices):
        raise UsageError(f"{name} must be one of {', '.join(get_args(choices))}, not {value}")


def check_range(name: str, value: Any, least: float, most: float) -> None:
    """Raise UsageError unless the value is a finite number from `least` to `most`."""
    number = _as_float(value) if isinstance(value, Real) else math.nan
    if not (least <= number <= most and math.isfinite(number)):
        limits = f"from {least:g} to {most:g}" if math.isfinite(most) else f"a number from {least:g} up"
        raise UsageError(f"{name} must be {limits}, not {value}")


def check_whole(name: str, value: Any, least: int, most: int) -> None:
    """Raise UsageError unless the value is a whole number from `least` to `most`."""
    if not (isinstance(value, Integral) and least <= int(value) <= most):
        raise UsageError(f"{name} must be a whole number from {least} to {most}, not {value}")


def _as_float(value: Any) -> float:
    """Convert to float; a whole number beyond the largest float becomes infinity."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _parse_layer(item: str | tuple[str, float]) -> tuple[str, float]:
    name, weight = (item.partition("=")[::2]) if isinstance(item, str) else item
    try:
        number = 1.0 if weight == "" else _as_float(weight)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise UsageError(f"the weight of layer {name} must be a number from 0 up, not {weight}")
    return name.strip(), number

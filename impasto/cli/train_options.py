"""From what was asked for, and a recipe, to the options of a training and of the priming before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from impasto.errors import UsageError
from impasto.recipes import Recipe
from impasto.training.options import PrimeOptions, TrainOptions

# what priming takes over from the training that follows it
_SHARED = [
    "network",
    "skips",
    "size",
    "batch",
    "accumulate",
    "seed",
    "workers",
    "augment",
    "device",
    "precision",
    "backbone",
]


def resolve(given: Mapping[str, Any], recipe: Recipe | None = None) -> TrainOptions:
    """Defaults, then those of a recipe, then what was given."""
    check_length(given)
    values = dict(recipe.options) if recipe else {}
    if "minutes" in given:
        values.pop("steps", None)
    return TrainOptions(**values | dict(given))


def resolve_priming(given: Mapping[str, Any]) -> PrimeOptions:
    """Defaults, then what was given."""
    check_length(given)
    return PrimeOptions(**given)


def recipe_priming(recipe: Recipe, options: TrainOptions) -> PrimeOptions:
    """Of the priming that a recipe begins with; where the training was given another length, it scales alike.

    The recipe has steps for both.
    """
    values: dict[str, Any] = {name: getattr(options, name) for name in _SHARED} | dict(recipe.priming)
    share = recipe.priming["steps"] / recipe.options["steps"]
    if options.steps is None:
        values |= {"steps": None, "minutes": share * options.minutes}
    else:
        values |= {"steps": max(1, round(share * options.steps))}
    return PrimeOptions(**values)


def check_length(given: Mapping[str, Any]) -> None:
    """Raises UsageError for two lengths."""
    if {"minutes", "steps"} <= given.keys():
        raise UsageError("--minutes and --steps both say how long to train: give one of them")

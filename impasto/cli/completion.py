"""Shell completion of shipped names. The shell completes files itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from impasto import recipes, styles
from impasto.recipes import RecipeJob


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

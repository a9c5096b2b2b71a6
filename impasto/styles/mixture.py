"""Resolve styles, weights and a strength to the networks to run."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from numbers import Real
from os import PathLike
from pathlib import Path
from typing import Any, TypeGuard

from impasto import styles
from impasto.errors import UsageError
from impasto.networks.card import Card, load_primed
from impasto.networks.mixing import Lineage, as_shares, interpolate, lineage

StyleRef = Card | str | PathLike[str]
Styles = StyleRef | tuple[StyleRef, float] | Sequence[StyleRef | tuple[StyleRef, float]]


@dataclass(frozen=True)
class Mixture:
    """Weighted sum of networks' pictures and the photo.

    Attributes:
        parts: cards, each with the share of its picture.
        photo: share of the photo itself; all shares sum to 1.
        notes: sentences to show to the user.
    """

    parts: tuple[tuple[Card, float], ...]
    photo: float = 0.0
    notes: tuple[str, ...] = ()


def load_styles(style: Styles) -> tuple[tuple[Card, float], ...]:
    """Load the cards of styles with their shares, which sum to 1; cards with a share of 0 are left out.

    Raises UsageError or WeightsError, as `styles.load` does, and UsageError for weights that sum to 0.
    """
    pairs = [(_load_style(each), weight) for each, weight in _as_pairs(style)]
    if not pairs:
        raise UsageError("style must name at least one style")
    shares = as_shares([weight for _, weight in pairs])
    return tuple((card, share) for (card, _), share in zip(pairs, shares, strict=True) if share)


def find_pictures(style: Styles) -> list[tuple[Path, float]]:
    """Find the pictures of styles, with their weights: files, and the textures that ship with the cards.

    Raises UsageError for a style without a picture.
    """
    return [(_find_picture(each), weight) for each, weight in _as_pairs(style)]


def mix(cards: Sequence[tuple[Card, float]], strength: float) -> Mixture:
    """Combine cards and a strength, 0 to 1: interpolate parameters if possible, else blend pictures.

    Parameters interpolate among cards of one lineage, and with the embedded primed weights if these have that
    lineage. Otherwise pictures are blended with each other and with the photo.
    """
    parts: list[tuple[Card, float]] = []
    photo, notes = 0.0, []
    families = _families(cards)
    for kin, members in families.items():
        share = sum(weight for _, weight in members)
        primed = _primed_of(kin) if strength < 1 else None
        if primed:
            kept = [(card, strength * weight) for card, weight in members]
            members = [*kept, (primed, (1 - strength) * share)]
        elif strength < 1:
            notes.append(_note_on_strength(members))
            photo += (1 - strength) * share
            share *= strength
        if share:
            parts.append((interpolate(members), share))
    if len(families) > 1:
        notes.append(_note_on_families(families.values()))
    return Mixture(tuple(parts), photo, tuple(notes))


def _as_pairs(style: Styles) -> list[tuple[StyleRef, float]]:
    """Split styles into pairs of style and weight; a name may contain a weight: "starry-night:0.6"."""
    many: Sequence[Any] = style if isinstance(style, list | tuple) and not _is_pair(style) else [style]
    return [_as_pair(item) for item in many]


def _as_pair(item: StyleRef | tuple[StyleRef, float]) -> tuple[StyleRef, float]:
    if _is_pair(item):
        return item
    return styles.parse(item) if isinstance(item, str) else (item, 1.0)  # type: ignore[return-value]


def _load_style(style: StyleRef) -> Card:
    if isinstance(style, Card):
        return style
    if isinstance(style, str | PathLike):
        return styles.load(style if isinstance(style, str) else Path(style))
    raise UsageError(f"a style must be a name, a file or a Card, not {type(style).__name__}")


def _find_picture(style: StyleRef) -> Path:
    name = style.style if isinstance(style, Card) else str(style)
    path = styles.find(name)
    if path is None and not isinstance(style, Card) and Path(name).suffix.lower() not in styles.NETWORKS:
        path = Path(name)
    if path is None:
        raise UsageError(
            f"the style {name} has no picture here, which this needs: name a picture file instead"
        )
    return path


def _is_pair(style: Any) -> TypeGuard[tuple[StyleRef, float]]:
    return isinstance(style, tuple) and len(style) == 2 and isinstance(style[1], Real)


def _families(cards: Sequence[tuple[Card, float]]) -> dict[Lineage, list[tuple[Card, float]]]:
    shares = as_shares([weight for _, weight in cards])
    families: dict[Lineage, list[tuple[Card, float]]] = {}
    for (card, _), share in zip(cards, shares, strict=True):
        if share:
            families.setdefault(lineage(card), []).append((card, share))
    return families


def _primed_of(kin: Lineage) -> Card | None:
    primed = load_primed(kin.network)
    return primed if primed and lineage(primed) == kin else None


def _note_on_strength(members: Sequence[tuple[Card, float]]) -> str:
    names = _listed(members)
    return f"{names} did not start from the shipped primed weights: strength blends picture and photo"


def _note_on_families(families: Collection[Sequence[tuple[Card, float]]]) -> str:
    names = " and ".join(_listed(members) for members in families)
    return f"{names} did not start from the same primed weights: their pictures are blended"


def _listed(members: Sequence[tuple[Card, float]]) -> str:
    return ", ".join(card.style or card.network for card, _ in members)

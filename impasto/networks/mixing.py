"""Interpolate the parameters of networks (deep network interpolation, Wang et al., CVPR 2019)."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from impasto.errors import UsageError
from impasto.networks.card import Card, fingerprint


class Lineage(NamedTuple):
    """Properties that cards must share so that their weights can be interpolated."""

    network: str
    config: str
    base: str


def lineage(card: Card) -> Lineage:
    """Lineage of a card; a card that began at random, or is primed itself, is its own base."""
    config = json.dumps(dict(card.config), sort_keys=True)
    return Lineage(card.network, config, card.base or fingerprint(card))


def interpolate(cards: Sequence[tuple[Card, float]]) -> Card:
    """Make a card whose parameters are the weighted mean of the cards'; weights are normalized to sum to 1.

    Raises UsageError for cards of different lineage, and for weights that are negative or all 0.
    """
    shares = as_shares([weight for _, weight in cards])
    parts = [(card, share) for (card, _), share in zip(cards, shares, strict=True) if share]
    first = parts[0][0]
    if len(parts) == 1:
        return first
    for card, _ in parts:
        _check_kinship(first, card)
    tensors = {name: _mean([(card.tensors[name], share) for card, share in parts]) for name in first.tensors}
    return Card(
        network=first.network,
        config=first.config,
        tensors=tensors,
        style=" ".join(f"{card.style}:{share:.4g}" for card, share in parts if card.style),
        licence="; ".join(dict.fromkeys(card.licence for card, _ in parts if card.licence)),
        base=lineage(first).base,
    )


def as_shares(weights: Sequence[float]) -> list[float]:
    """Divide weights by their sum. Raises UsageError for negative weights, and if the sum is 0."""
    if not all(0 <= weight < math.inf for weight in weights):
        raise UsageError(f"the weights of styles are numbers from 0 up, not {_listed(weights)}")
    whole = math.fsum(weights)
    if not 0 < whole < math.inf:
        raise UsageError(f"the weights of styles need a sum above 0; they are {_listed(weights)}")
    return [weight / whole for weight in weights]


def _mean(parts: Sequence[tuple[Tensor, float]]) -> Tensor:
    return torch.stack([share * tensor for tensor, share in parts]).sum(0)


def _check_kinship(one: Card, other: Card) -> None:
    mine, others = lineage(one), lineage(other)
    names = " and ".join(card.style or "the primed weights" for card in (one, other))
    if mine[:2] != others[:2]:
        raise UsageError(f"{names} cannot be interpolated: their networks differ in kind or size")
    if mine.base != others.base:
        raise UsageError(
            f"{names} cannot be interpolated: they were not trained from the same primed weights"
        )


def _listed(weights: Sequence[float]) -> str:
    return ", ".join(f"{weight:g}" for weight in weights) or "none"

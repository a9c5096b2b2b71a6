"""Primed weights (identity pretraining): a network that reproduces its input, where training starts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from impasto.networks.card import Card, load_card

_FILE = Path(__file__).with_name("primed.safetensors")


def load_primed(name: str = "light") -> Card | None:
    """Load the embedded primed weights for a network of this name, or None if there are none.

    Raises WeightsError for a damaged file.
    """
    if not _FILE.is_file():
        return None
    card = load_card(_FILE)
    return card if card.network == name else None


def fingerprint(card: Card) -> str:
    """Fingerprint of a card's weights, 16 hexadecimal digits; saving and loading do not change it."""
    return digest(card.tensors)


def digest(tensors: Mapping[str, Tensor]) -> str:
    """Fingerprint of weights, 16 hexadecimal digits.

    The start of the SHA-256 of all names, in order, each with its tensor's bytes as little-endian float16.
    """
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        halves = tensors[name].detach().cpu().half().contiguous()
        digest.update(halves.numpy().astype("<f2").tobytes())
    return digest.hexdigest()[:16]

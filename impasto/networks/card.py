"""Style cards: a trained network in one .safetensors file, with its description in the metadata."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from impasto import networks
from impasto.errors import UsageError, WeightsError
from impasto.imaging.files import short_hash
from impasto.networks.base import StyleNetwork
from impasto.weights import load_floats, load_metadata, save_tensors

KIND, FORMAT = "style card", 1
ADAPTIVE = "adaptive"  # `Card.recipe` of cards that the adaptive network wrote

_LARGEST_METADATA = 1_000_000  # characters; impasto's cards have some two thousand
_FILE = Path(__file__).with_name("primed.safetensors")


@dataclass(frozen=True)
class Card:
    """Contents of a style card: a network's name, config and weights, and where they come from.

    Attributes:
        network: name of the network, one of `networks.NAMES`.
        config: keywords that the network is built with.
        tensors: weights by name, float32.
        style: name of the style; empty for a primed network, which has no style.
        title, artist, year, licence, origin: description of the work that the style was taken from.
        training_data: description of the photos that the network was trained on.
        base: fingerprint of the primed weights that the training started from; empty if it started from
            random weights. Cards with equal bases interpolate.
        recipe, options: recipe and options of the training. The recipe is "adaptive" where no training but
            the adaptive network made the weights.
        scores: scores measured for the network, by name.
        impasto: version of impasto that made the card.
    """

    network: str
    config: Mapping[str, Any]
    tensors: Mapping[str, Tensor] = field(repr=False)
    style: str = ""
    title: str = ""
    artist: str = ""
    year: str = ""
    licence: str = ""
    origin: str = ""
    training_data: str = ""
    base: str = ""
    recipe: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    impasto: str = field(default_factory=lambda: version("impasto"))

    def build(self) -> StyleNetwork:
        """Build the network with its weights, frozen. Raises WeightsError if the weights do not fit."""
        try:
            network = networks.build(self.network, **self.config)
            network.load_state_dict(dict(self.tensors))
        except (RuntimeError, UsageError) as error:
            raise WeightsError(
                f"the weights of the card {self.style or self.network} do not fit a {self.network} network "
                "of this version of impasto"
            ) from error
        return network.requires_grad_(False).eval()


_TEXTS = ("style", "title", "artist", "year", "licence", "origin", "training_data", "base", "recipe")
_OBJECTS = ("config", "options", "scores")


def save_card(card: Card, path: Path) -> None:
    """Write a card, weights in float16; the file is renamed into place. Raises WeightsError."""
    halves = {name: tensor.detach().cpu().half() for name, tensor in card.tensors.items()}
    for name, tensor in halves.items():
        if not tensor.isfinite().all():
            raise WeightsError(f"{path} was not written: {name} is not finite in float16")
    metadata = {"impasto": KIND, "format": str(FORMAT), "version": card.impasto, "network": card.network}
    metadata |= {name: _as_unicode(str(getattr(card, name))) for name in _TEXTS}
    metadata |= {name: json.dumps(dict(getattr(card, name))) for name in _OBJECTS}
    save_tensors(path, halves, metadata)


def _as_unicode(text: str) -> str:
    """Replace characters that cannot be encoded by question marks, as in file names that are not UTF-8."""
    return text.encode("utf-8", "replace").decode("utf-8")


def load_card(path: str | Path) -> Card:
    """Load a card. Raises WeightsError for a file that is not a card, is damaged, or has a newer format."""
    card = load_summary(path)
    tensors = load_floats(path)
    _check_shapes(path, card, tensors)
    return replace(card, tensors=tensors)


def load_summary(path: str | Path) -> Card:
    """Load a card's metadata without weights: `tensors` is empty."""
    metadata = load_metadata(path)
    if metadata.get("impasto") != KIND:
        raise WeightsError(f"{path} is no style card: make one with impasto train")
    _check_format(path, metadata.get("format", ""))
    return _parse(path, metadata)


def _check_format(path: str | Path, text: str) -> None:
    if not re.fullmatch("[1-9][0-9]{0,8}", text):
        raise WeightsError(f"{path} is a style card of an unknown format {text!r:.40}")
    if int(text) > FORMAT:
        raise WeightsError(f"{path} is a style card of format {text}, newer than this impasto: upgrade it")


def _parse(path: str | Path, metadata: Mapping[str, str]) -> Card:
    known: dict[str, Any] = {name: metadata.get(name, "") for name in _TEXTS}
    for name in _OBJECTS:
        try:
            text = metadata.get(name, "{}")
            known[name] = json.loads(text if len(text) < _LARGEST_METADATA else "")
            if not isinstance(known[name], dict):
                raise ValueError(f"{name} is no object")
        except (ValueError, RecursionError) as error:
            raise WeightsError(f"{path} is a damaged style card: its {name} cannot be read") from error
    network, made_by = metadata.get("network", ""), metadata.get("version", "")
    return Card(network=network, tensors={}, impasto=made_by, **known)


def _check_shapes(path: str | Path, card: Card, tensors: Mapping[str, Tensor]) -> None:
    """Compare with a network built without memory, so that no file can request too much memory."""
    try:
        with torch.device("meta"):
            expected = networks.build(card.network, **card.config).state_dict()
    except UsageError as error:
        raise WeightsError(f"{path} is a style card that this impasto cannot use: {error}") from error
    if reason := mismatch(tensors, expected):
        raise WeightsError(f"{path} is a damaged style card: {reason}")


def mismatch(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> str | None:
    """Describe how a file's tensors differ from a network's in names and shapes; None if they match."""
    if missing := expected.keys() - tensors.keys():
        return f"it has no {min(missing)}"
    if unknown := tensors.keys() - expected.keys():
        return f"it has {min(unknown)}, which is unknown"
    for name, tensor in tensors.items():
        if tensor.shape != expected[name].shape:
            return f"its {name} is {tuple(tensor.shape)}, not {tuple(expected[name].shape)}"
    return None


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

    def parts() -> Iterator[bytes]:
        for name in sorted(tensors):
            yield name.encode()
            yield tensors[name].detach().cpu().half().contiguous().numpy().astype("<f2").tobytes()

    return short_hash(parts())

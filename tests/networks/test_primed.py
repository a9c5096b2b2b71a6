"""Primed weights: found where they are embedded, told apart by a fingerprint."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from impasto.errors import WeightsError
from impasto.networks.card import Card, load_card, save_card
from impasto.networks.primed import fingerprint, load_primed


@pytest.fixture
def embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the embedded file is looked for; there is none yet."""
    path = tmp_path / "primed.safetensors"
    monkeypatch.setattr("impasto.networks.primed._FILE", path)
    return path


def test_none_is_embedded(embedded: Path) -> None:
    assert load_primed() is None


def test_loads_what_is_embedded(embedded: Path, card: Card) -> None:
    save_card(replace(card, style="", base=""), embedded)
    found = load_primed("light")
    assert found is not None
    assert (found.style, fingerprint(found)) == ("", fingerprint(card))
    assert load_primed("unet") is None


def test_damaged(embedded: Path) -> None:
    embedded.write_bytes(b"no weights")
    with pytest.raises(WeightsError, match=r"primed\.safetensors"):
        load_primed()


def test_fingerprint_is_the_documented_one(card: Card) -> None:
    digest = hashlib.sha256()
    for name, tensor in sorted(card.tensors.items()):
        digest.update(name.encode() + tensor.half().numpy().tobytes())
    assert fingerprint(card) == digest.hexdigest()[:16]


def test_fingerprint_survives_saving_order_and_layout(card: Card, card_file: Path) -> None:
    precise = {name: torch.rand_like(tensor) for name, tensor in card.tensors.items()}
    card = replace(card, tensors=precise)
    save_card(card, card_file)
    turned = {
        name: tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor
        for name, tensor in reversed(precise.items())
    }
    found = load_card(card_file)
    assert fingerprint(card) == fingerprint(found) == fingerprint(replace(card, tensors=turned))


def test_fingerprint_tells_weights_and_names_apart(card: Card) -> None:
    name = min(card.tensors)
    louder = {**card.tensors, name: card.tensors[name] * 1.01}
    renamed = {f"{n}x": t for n, t in card.tensors.items()}
    assert len({fingerprint(card), *(fingerprint(replace(card, tensors=t)) for t in (louder, renamed))}) == 3

"""Networks between networks."""

import math
from dataclasses import replace

import pytest
import torch

from impasto import networks
from impasto.errors import UsageError
from impasto.networks.card import Card, fingerprint
from impasto.networks.mixing import as_shares, interpolate, lineage


@pytest.fixture
def other(card: Card) -> Card:
    """A sister of `card`."""
    tensors = {name: tensor.flip(0) + 0.1 for name, tensor in card.tensors.items()}
    return replace(card, tensors=tensors, style="night", licence="CC0 1.0")


def test_parameters_are_weighted(card: Card, other: Card) -> None:
    mixed = interpolate([(card, 3.0), (other, 1.0)])
    for name, tensor in mixed.tensors.items():
        torch.testing.assert_close(tensor, 0.75 * card.tensors[name] + 0.25 * other.tensors[name])
    assert (mixed.style, mixed.licence) == ("wave:0.75 night:0.25", "public domain; CC0 1.0")
    assert (mixed.network, mixed.config, mixed.base) == (card.network, card.config, card.base)
    assert mixed.build()(torch.rand(1, 3, 20, 20)).isfinite().all()


def test_the_ends_are_the_cards_themselves(card: Card, other: Card) -> None:
    assert interpolate([(card, 2.0)]) is card
    assert interpolate([(card, 0.0), (other, 0.1)]) is other


def test_a_mixture_mixes_again(card: Card, other: Card) -> None:
    twice = interpolate([(interpolate([(card, 1), (other, 1)]), 1), (card, 1)])
    once = interpolate([(card, 0.75), (other, 0.25)])
    for name, tensor in twice.tensors.items():
        torch.testing.assert_close(tensor, once.tensors[name])


def test_primed_weights_are_their_own_base(card: Card) -> None:
    primed = replace(card, style="", base="")
    child = replace(card, base=fingerprint(primed), tensors={n: t + 1 for n, t in card.tensors.items()})
    assert lineage(primed) == lineage(child)
    assert interpolate([(primed, 1), (child, 1)]).style == "wave:0.5"


def test_config_as_tuples_or_lists(card: Card) -> None:
    tuples = replace(card, config={"last_channels": 4, "blocks": (0, 1, 0), "channels": (8, 8)})
    assert lineage(tuples) == lineage(card)


def test_strangers_do_not_mix(card: Card, other: Card) -> None:
    wider = networks.build("light", channels=(8, 16), blocks=(0, 1, 0), last_channels=4)
    strangers = {
        "primed weights": replace(other, base="4567"),
        "same primed": replace(other, base=""),
        "kind or size": replace(card, config=wider.config, tensors=wider.state_dict()),
        "differ in kind": replace(card, network="transformer_net", config={}),
    }
    for reason, stranger in strangers.items():
        with pytest.raises(UsageError, match=f"wave and (wave|night) cannot be interpolated: .*{reason}"):
            interpolate([(card, 0.5), (stranger, 0.5)])
    random = [replace(one, base="") for one in (card, other)]
    with pytest.raises(UsageError, match="same primed weights"):
        interpolate([(one, 0.5) for one in random])


@pytest.mark.parametrize("weights", [[0.0, 0.0], [-1.0, 2.0], [math.nan], [math.inf, 1.0], []])
def test_weights_without_meaning(card: Card, weights: list[float]) -> None:
    with pytest.raises(UsageError, match="weights of styles"):
        interpolate([(card, weight) for weight in weights])


def test_shares() -> None:
    assert as_shares([1, 3]) == [0.25, 0.75]
    assert as_shares([0, 5]) == [0, 1]

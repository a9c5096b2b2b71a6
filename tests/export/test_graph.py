"""The module that is exported: the same picture as stylizing, for every size and network."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from impasto import networks
from impasto.export.graph import Graph
from impasto.styles.mixture import load_styles, mix
from impasto.stylizing import Stylizer
from tests.export.conftest import Family

SIZES = [(45, 61), (16, 16), (1, 1), (5, 9), (64, 72)]


def graph_of(styles: object, strength: float = 1.0, dtype: torch.dtype = torch.float32) -> Graph:
    mixture = mix(load_styles(styles), strength)  # type: ignore[arg-type]
    return Graph([(card.build(), share) for card, share in mixture.parts], mixture.photo, dtype)


@pytest.mark.parametrize("name", networks.NAMES)
def test_every_network_at_every_size(name: str, batch: Tensor) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = networks.build(name).requires_grad_(False).eval()
    graph = Graph([(network, 1.0)])
    for height, width in SIZES if name == "light" else SIZES[:1]:
        image = torch.nn.functional.interpolate(batch, (height, width))
        found = graph(image)
        assert found.shape == image.shape
        assert (found - network(image).clamp(0, 1)).abs().max() < 2e-3  # norms of noise: rounding grows


@pytest.mark.parametrize(
    ("styles", "strength"),
    [
        (("night",), 1.0),
        (("night",), 0.6),
        (("night", "wave"), 1.0),
        (("stranger",), 0.4),
        (("night", "stranger"), 0.7),
    ],
)
def test_it_does_what_stylizing_does(
    family: Family, batch: Tensor, styles: tuple[str, ...], strength: float
) -> None:
    cards = [(family[name], 1.0 + place) for place, name in enumerate(styles)]
    expected = Stylizer(cards, strength, device="cpu", precision="float32", runtime="torch").picture(batch)
    assert (graph_of(cards, strength)(batch) - expected).abs().max() < 1e-5


def test_styles_of_one_family_become_one_network(family: Family) -> None:
    assert len(graph_of([family["night"], family["wave"]], 0.5).networks) == 1
    assert len(graph_of([family["night"], family["stranger"]]).networks) == 2
    assert graph_of(family["stranger"], 0.25).photo == 0.75


def test_half_precision_keeps_norms_exact_and_pictures_close(family: Family, batch: Tensor) -> None:
    exact, half = graph_of(family["night"]), graph_of(family["night"], dtype=torch.float16)
    kinds = {name.rpartition(".")[0]: tensor.dtype for name, tensor in half.named_parameters()}
    assert {kinds[name] for name in kinds if "norm" in name} == {torch.float32}
    assert {kinds[name] for name in kinds if name.endswith("conv2d")} == {torch.float16}
    found = half(batch)
    assert found.dtype == torch.float32
    assert 0 < (found - exact(batch)).abs().max() < 0.02


def test_the_network_itself_is_left_as_it_is(family: Family) -> None:
    network = family["night"].build()
    Graph([(network, 1.0)], dtype=torch.float16)
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}

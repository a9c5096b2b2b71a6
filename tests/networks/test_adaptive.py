"""A network that writes networks: what its weights are made of, and its files."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.func import functional_call

from impasto import losses, networks
from impasto.errors import WeightsError
from impasto.networks.adaptive import Adaptive
from impasto.networks.adaptive_file import EMBEDDED, load_adaptive, save_adaptive
from impasto.weights import load_metadata

NARROW = {"channels": [8, 8], "blocks": [0, 1, 0], "last_channels": 4}
WIDTHS = (5, 6)


@pytest.fixture
def adaptive() -> Adaptive:
    """A small one, whose heads are random."""
    with torch.random.fork_rng():
        torch.manual_seed(7)
        network = Adaptive(WIDTHS, hidden=(12, 8), directions=2, combinations=3, light=NARROW)
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
    return network


def moments(count: int = 2, seed: int = 0) -> list[Tensor]:
    """Of random features, like none of each other's."""
    dice = torch.Generator().manual_seed(seed)
    return [losses.second_moments(torch.randn(count, width, 7, 9, generator=dice).relu()) for width in WIDTHS]


def lights(count: int) -> list[dict[str, Tensor]]:
    with torch.random.fork_rng():
        torch.manual_seed(8)
        return [dict(networks.build("light", **NARROW).state_dict()) for _ in range(count)]


def test_it_writes_whole_networks(adaptive: Adaptive) -> None:
    one, other = adaptive(moments())
    shapes = {name: tensor.shape for name, tensor in lights(1)[0].items()}
    assert {name: tensor.shape for name, tensor in one.items()} == shapes
    assert all((one[name] - other[name]).abs().max() > 1e-4 for name in shapes)
    image = torch.rand(1, 3, 24, 32)
    light = networks.build("light", **NARROW)
    light.load_state_dict(one)
    assert torch.allclose(functional_call(adaptive.light, one, (image,)), light(image))


def test_each_style_counts_for_itself(adaptive: Adaptive) -> None:
    both = adaptive(moments())
    alone = adaptive([m[1:] for m in moments()])[0]
    for name, tensor in alone.items():
        assert torch.allclose(both[1][name], tensor, atol=1e-5)


def test_what_is_looked_at(adaptive: Adaptive) -> None:
    """Means, deviations, and correlations of combinations, against NumPy in float64."""
    features = torch.rand(1, 5, 8, 8, generator=torch.Generator().manual_seed(3)).double()
    m = losses.second_moments(features)
    seen = adaptive.double().look([m, torch.eye(7).double()[None]])[0]
    values = features[0].flatten(1).numpy()
    combination = adaptive.combinations[0].detach().numpy()
    import numpy as np

    combined = combination.T @ np.corrcoef(values) @ combination
    expected = [values.mean(1), values.std(1), combined[np.triu_indices(3)]]
    assert np.allclose(seen[: 5 + 5 + 6].detach().numpy(), np.concatenate(expected))


def test_a_flat_style_gives_numbers(adaptive: Adaptive) -> None:
    flat = [losses.second_moments(torch.full((1, width, 4, 4), 0.3)) for width in WIDTHS]
    assert all(tensor.isfinite().all() for tensor in adaptive(flat)[0].values())


def test_it_begins_with_the_mean_of_networks() -> None:
    many = lights(3)
    network = Adaptive(WIDTHS, directions=2, light=NARROW)
    network.start_from(many)
    for name, tensor in network(moments(1))[0].items():
        assert torch.allclose(tensor, torch.stack([one[name] for one in many]).mean(0), atol=1e-6)


def test_directions_span_what_networks_differ_in() -> None:
    many = lights(3)
    network = Adaptive(WIDTHS, directions=2, light=NARROW)
    network.start_from(many)
    place = [name for name in many[0] if many[0][name].ndim > 1].index("first.conv2d.weight")
    mean, base = network.means[place].flatten(), network.bases[place]
    for one in many:
        difference = one["first.conv2d.weight"].flatten() - mean
        shares = torch.linalg.lstsq(base.T, difference[:, None]).solution
        assert torch.allclose(base.T @ shares, difference[:, None], atol=1e-5)


def test_what_is_usual(adaptive: Adaptive) -> None:
    many = moments(40)
    adaptive.normalize_by(many)
    seen = (adaptive.look(many) - adaptive.centre) / adaptive.spread
    assert seen.mean(0).abs().max() < 1e-3
    assert 0.5 < seen.std(0).median() <= 1


def test_round_trip(adaptive: Adaptive, tmp_path: Path) -> None:
    path = tmp_path / "any.safetensors"
    adaptive.base = "0123"
    save_adaptive(adaptive, path, {"training_data": "none", "scores": {"held_out_loss": 0.2}})
    found = load_adaptive(path)
    assert found.base == "0123"
    assert found.config == adaptive.config
    for name, tensor in adaptive.state_dict().items():
        assert torch.equal(found.state_dict()[name], tensor.half().float()), name
    assert not any(parameter.requires_grad for parameter in found.parameters())
    assert json.loads(load_metadata(path)["scores"]) == {"held_out_loss": 0.2}
    assert [p.name for p in tmp_path.iterdir()] == ["any.safetensors"]


def test_nothing_infinite_is_written(adaptive: Adaptive, tmp_path: Path) -> None:
    with torch.no_grad():
        adaptive.means[0].fill_(1e6)
    with pytest.raises(WeightsError, match="means\\.0 is not finite in float16"):
        save_adaptive(adaptive, tmp_path / "any.safetensors", {})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda tensors, metadata: metadata.update(impasto="style card"),
            "no adaptive network: .*impasto adapt",
        ),
        (lambda tensors, metadata: metadata.update(format="2"), "another format"),
        (lambda tensors, metadata: metadata.pop("config"), "config cannot be read"),
        (lambda tensors, metadata: metadata.update(config="[" * 5000), "config cannot be read"),
        (lambda tensors, metadata: metadata.update(config='{"widths": [99999999]}'), "config cannot be read"),
        (
            lambda tensors, metadata: metadata.update(config='{"light": {"doors": 3}}'),
            "config cannot be read",
        ),
        (lambda tensors, metadata: metadata.update(config="{}"), "it has no bases"),
        (lambda tensors, metadata: tensors.pop("centre"), "it has no centre"),
        (lambda tensors, metadata: tensors.update(more=torch.ones(1)), "it has more"),
        (lambda tensors, metadata: tensors["centre"].fill_(torch.nan), "NaN"),
    ],
)
def test_foreign_files(
    adaptive: Adaptive, tmp_path: Path, change: Callable[[dict[str, Any], dict[str, str]], Any], words: str
) -> None:
    path = tmp_path / "any.safetensors"
    save_adaptive(adaptive, path, {})
    tensors, metadata = load_file(path), load_metadata(path)
    change(tensors, metadata)
    save_file(tensors, path, metadata)
    with pytest.raises(WeightsError, match=words):
        load_adaptive(path)


def test_the_embedded_network() -> None:
    assert EMBEDDED.stat().st_size < 6_000_000
    network = load_adaptive()
    assert network.light.config == networks.build("light").config
    metadata = load_metadata(EMBEDDED)
    assert {"training_data", "options", "scores"} <= metadata.keys()
    assert "/" not in metadata["training_data"]

"""The compact backbone: its layers in float64, its file, and, where it is trained, what it has learned."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from impasto.backbones import Pooling
from impasto.backbones.compact import (
    EMBEDDED,
    LAYERS,
    TEACHER_WIDTHS,
    WIDTH_OF,
    Compact,
    load_compact,
    save_compact,
)
from impasto.backbones.vgg import load_vgg
from impasto.errors import UsageError, WeightsError
from impasto.weights import load_metadata, load_tensors

EXACT_FILE = Path(__file__).resolve().parents[2].parent / "shared" / "weights" / "vgg19-relu3_4.safetensors"
LEAST_CORRELATION = {"relu1_1": 0.9, "relu2_1": 0.85, "relu3_1": 0.75}  # mean over VGG-19's channels

BLOCKS = (
    ("conv1_1",),
    ("conv2_1a", "conv2_1"),
    ("conv3_1a", "conv3_1"),
    ("conv4_1a", "conv4_1b", "conv4_1"),
    ("conv5_1a", "conv5_1"),
)

Picture = Callable[[str, int], Tensor]


def reference(image: Tensor, network: Compact, pool: Callable[[Tensor, int], Tensor]) -> dict[str, Tensor]:
    """Every layer in float64, block after block."""
    weights = {name: tensor.double() for name, tensor in network.state_dict().items()}
    x = (image.double() - 0.45) / 0.25
    features = {}
    for number, names in enumerate(BLOCKS, 1):
        for name in names:
            kernel, bias = (weights[f"convolutions.{name}.{kind}"] for kind in ("weight", "bias"))
            x = F.conv2d(x, kernel, bias, padding=1).clamp(min=0)
        features[f"relu{number}_1"] = x
        x = pool(x, 2)
    return features


@pytest.mark.parametrize(("pooling", "pool"), [("max", F.max_pool2d), ("average", F.avg_pool2d)])
def test_every_layer_against_float64(
    compact_file: Path, picture: Picture, pooling: Pooling, pool: Callable[[Tensor, int], Tensor]
) -> None:
    network = load_compact(compact_file, pooling=pooling)
    image = picture("astronaut", 37)[None]
    found, expected = network(image, LAYERS), reference(image, network, pool)
    assert tuple(found) == tuple(expected) == LAYERS
    for layer, wanted in expected.items():
        assert found[layer].shape[1] == WIDTH_OF[layer]
        assert (found[layer].double() - wanted).abs().max() < 1e-5 * wanted.abs().max(), layer


def test_random_weights_keep_the_size_of_activations(picture: Picture) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Compact()
    features = network(picture("coffee", 64)[None], LAYERS)
    assert all(0.2 < f.square().mean().sqrt() < 5 for f in features.values())


def test_layers_inside_a_block_are_not_offered(compact_file: Path) -> None:
    network = load_compact(compact_file)
    assert network.layers == LAYERS == tuple(f"relu{block}_1" for block in range(1, 6))
    with pytest.raises(UsageError, match=r"has no layer relu4_2: choose among relu1_1, relu2_1, .*relu5_1"):
        network(torch.zeros(1, 3, 64, 64), ["relu1_1", "relu4_2"])
    with pytest.raises(UsageError, match="no layer relu4_1a"):
        network.path_to(["relu4_1a"])


def test_nothing_is_computed_below_the_deepest_layer(compact_file: Path) -> None:
    network = load_compact(compact_file)
    ran: list[str] = []
    for name, layer in network.convolutions.items():
        layer.register_forward_hook(lambda *_, name=name: ran.append(name))
    network(torch.zeros(1, 3, 32, 32), ["relu3_1", "relu1_1"])
    assert ran == [name for names in BLOCKS[:3] for name in names]


@pytest.mark.parametrize(("layer", "least"), [("relu1_1", 1), ("relu3_1", 4), ("relu5_1", 16)])
def test_least_side_is_what_the_layer_needs(compact_file: Path, layer: str, least: int) -> None:
    network = load_compact(compact_file)
    assert network.least_side([layer]) == least
    assert network(torch.zeros(1, 3, least, least + 1), [layer])[layer].shape == (
        1,
        WIDTH_OF[layer],
        1,
        1 + (least == 1),
    )
    with pytest.raises(UsageError, match=f"too small for layer {layer}, which needs {least}x{least}"):
        network(torch.zeros(1, 3, least + 1, least - 1), [layer])


def test_file_keeps_weights_and_maps_to_half_precision(tmp_path: Path, picture: Picture) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(4)
        network = Compact()
        network.maps = {layer: torch.randn(w, WIDTH_OF[layer] + 1) for layer, w in TEACHER_WIDTHS.items()}
    path = tmp_path / "models" / "mine.safetensors"
    save_compact(network, path, {"seed": "4"})
    again = load_compact(path)
    assert load_metadata(path) == {"impasto": "compact", "seed": "4"}
    assert {tensor.dtype for tensor in load_tensors(path).values()} == {torch.float16}
    assert again.source == str(path)
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], tensor, rtol=1e-3, atol=1e-6)
    for layer, matrix in network.maps.items():
        torch.testing.assert_close(again.maps[layer], matrix, rtol=1e-3, atol=1e-6)
    image = picture("chelsea", 48)[None]
    with torch.no_grad():
        before, after = network(image, LAYERS), again(image, LAYERS)
    for layer in LAYERS:
        assert (after[layer] - before[layer]).abs().max() < 2e-3 * before[layer].abs().max(), layer


def test_loaded_network_is_frozen_and_lets_gradients_through(compact_file: Path) -> None:
    network = load_compact(compact_file)
    assert not network.training
    image = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)).requires_grad_()
    network(image, LAYERS)["relu5_1"].sum().backward()
    assert image.grad is not None
    assert float(image.grad.abs().sum()) > 0
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_layer_is_the_same_whatever_else_is_asked_for(compact_file: Path) -> None:
    """In-place activations must not change what was handed out before."""
    network = load_compact(compact_file)
    image = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    together = network(image, LAYERS)
    for layer in LAYERS:
        assert torch.equal(network(image, [layer])[layer], together[layer])


def without(key: str) -> Callable[[dict[str, Tensor]], dict[str, Tensor]]:
    return lambda tensors: {name: tensor for name, tensor in tensors.items() if name != key}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("maps.relu3_1"), r"maps\.relu3_1 is missing or misshapen"),
        (lambda t: t | {"maps.relu5_1": torch.zeros(512, 5)}, r"maps\.relu5_1 is missing or misshapen"),
        (without("convolutions.conv4_1b.bias"), "no compact backbone of this version"),
        (lambda t: t | {"convolutions.conv6_1.bias": torch.zeros(3)}, "no compact backbone of this version"),
        (lambda t: t | {"convolutions.conv1_1.bias": torch.zeros(25)}, "no compact backbone of this version"),
        (lambda t: t | {"convolutions.conv1_1.bias": torch.full((24,), torch.inf)}, "holds infinity"),
    ],
)
def test_file_of_another_network(
    tmp_path: Path, compact_file: Path, change: Callable[[dict[str, Tensor]], dict[str, Tensor]], message: str
) -> None:
    path = tmp_path / "other.safetensors"
    save_file(change(load_tensors(compact_file)), path, {"impasto": "compact"})
    with pytest.raises(WeightsError, match=message) as caught:
        load_compact(path)
    assert str(path) in str(caught.value)


def test_embedded_file_is_small_and_says_where_it_comes_from() -> None:
    assert EMBEDDED.stat().st_size <= 4_000_000
    assert load_metadata(EMBEDDED)["impasto"] == "compact"


def test_embedded_maps_and_activations_are_of_a_sane_size(picture: Picture) -> None:
    network = load_compact()
    features = network(picture("astronaut", 96)[None], LAYERS)
    for layer, f in features.items():
        assert network.maps[layer].shape == (TEACHER_WIDTHS[layer], WIDTH_OF[layer] + 1)
        assert 1e-3 < f.square().mean().sqrt() < 1e3, layer
        assert (f.amax((0, 2, 3)) > 0).float().mean() > 0.5, f"most channels of {layer} are dead"


@pytest.mark.skipif(not EXACT_FILE.exists(), reason="the reference weights are not beside this checkout")
@pytest.mark.parametrize("name", ["astronaut", "coffee"])
def test_linear_maps_predict_vgg19(picture: Picture, name: str) -> None:
    """Also on pictures that neither network was taught with."""
    image = picture(name, 192)[None]
    student, teacher = load_compact(), load_vgg(EXACT_FILE)
    seen, exact = student(image, LEAST_CORRELATION), teacher(image, LEAST_CORRELATION)
    for layer, least in LEAST_CORRELATION.items():
        f = F.pad(seen[layer][0].flatten(1), (0, 0, 0, 1), value=1.0)
        guess, target = (student.maps[layer] @ f).numpy(), exact[layer][0].flatten(1).numpy()
        alive = target.std(1) > 1e-3 * target.std()
        pairs = zip(guess[alive], target[alive], strict=True)
        assert np.mean([np.corrcoef(g, t)[0, 1] for g, t in pairs]) >= least, layer

"""The compressed VGG-19 against convolution after convolution in float64."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from impasto import backbones
from impasto.backbones.compressed import Compressed
from impasto.errors import UsageError, WeightsError
from impasto.weights import load_tensors

PUBLISHED_FILE = Path(__file__).resolve().parents[2].parent / "shared" / "weights" / "vgg19-16x.safetensors"
LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")

Picture = Callable[[str, int], Tensor]


@pytest.fixture(
    params=[
        "narrow",
        pytest.param(
            "published",
            marks=pytest.mark.skipif(
                not PUBLISHED_FILE.exists(), reason="the reference weights are not beside this checkout"
            ),
        ),
    ]
)
def tensors(request: pytest.FixtureRequest, compressed_file: Path) -> dict[str, Tensor]:
    return load_tensors(compressed_file if request.param == "narrow" else PUBLISHED_FILE)


def reference(
    image: Tensor, tensors: dict[str, Tensor], pool: Callable[[Tensor, int], Tensor]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Features, and their maps to VGG-19's channels, by layer."""
    double = {name: tensor.double() for name, tensor in tensors.items()}

    def convolve(x: Tensor, name: str) -> Tensor:
        return F.conv2d(x, double[f"{name}.weight"], double[f"{name}.bias"])

    features, mapped = {}, {}
    x = convolve(image.double(), "conv0")
    for block, depth in enumerate((2, 2, 4, 4, 1), 1):
        for place in range(1, depth + 1):
            x = convolve(F.pad(x, (1, 1, 1, 1), "reflect"), f"conv{block}{place}").clamp(min=0)
            if place == 1:
                features[f"relu{block}_1"] = x
                mapped[f"relu{block}_1"] = convolve(x, f"conv{block}1_aux").clamp(min=0)
        x = pool(x, 2)
    return features, mapped


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert tuple(found) == tuple(expected) == LAYERS
    for layer, wanted in expected.items():
        assert (found[layer].double() - wanted).abs().max() < 1e-5 * wanted.abs().max(), layer


@pytest.mark.parametrize(("pooling", "pool"), [("max", F.max_pool2d), ("average", F.avg_pool2d)])
def test_features_and_teacher_features(
    tensors: dict[str, Tensor],
    picture: Picture,
    pooling: backbones.Pooling,
    pool: Callable[[Tensor, int], Tensor],
) -> None:
    network = Compressed(tensors, source="here", pooling=pooling)
    image = picture("coffee", 50)[None]
    features, mapped = reference(image, tensors, pool)
    assert network.layers == LAYERS
    assert_same(network(image, LAYERS), features)
    assert_same(network.teacher_features(image, LAYERS), mapped)


def test_maps_lead_to_the_channels_of_vgg19(tensors: dict[str, Tensor]) -> None:
    network = Compressed(tensors, source="here", pooling="max")
    widths = [len(tensors[f"conv{block}1.bias"]) for block in range(1, 6)]
    assert [m.shape for m in network.maps.values()] == [
        (outputs, width + 1) for outputs, width in zip((64, 128, 256, 512, 512), widths, strict=True)
    ]
    assert tuple(network.maps) == LAYERS
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_smallest_picture(compressed_file: Path) -> None:
    network = Compressed(load_tensors(compressed_file), source="here", pooling="max")
    least = network.least_side(LAYERS)
    assert network(torch.zeros(1, 3, least, least), LAYERS)["relu5_1"].shape[2:] == (2, 2)
    with pytest.raises(UsageError, match=f"31x40 pixels is too small for layer relu5_1, .* {least}x{least}"):
        network(torch.zeros(1, 3, 40, 31), LAYERS)


@pytest.mark.parametrize("key", ["conv0.bias", "conv34.weight", "conv51_aux.weight", "conv11_aux.bias"])
def test_missing_tensor_is_named(compressed_file: Path, key: str) -> None:
    tensors = load_tensors(compressed_file)
    del tensors[key]
    name = key.partition(".")[0]
    with pytest.raises(WeightsError, match=rf"must hold {name}\.weight and {name}\.bias"):
        Compressed(tensors, source="here", pooling="max")


def test_tensor_that_is_no_convolution(compressed_file: Path) -> None:
    tensors = load_tensors(compressed_file) | {"conv21.weight": torch.zeros(6, 4)}
    with pytest.raises(WeightsError, match=r"conv21\.weight"):
        Compressed(tensors, source="here", pooling="max")


@pytest.mark.parametrize("key", ["conv0", "conv21", "conv41_aux"])
def test_convolutions_that_do_not_follow_each_other(compressed_file: Path, key: str) -> None:
    tensors = load_tensors(compressed_file)
    turned = tensors | {f"{key}.weight": tensors[f"{key}.weight"].transpose(0, 1)[:, :-1]}
    with pytest.raises(WeightsError, match=f"{key} does not fit the rest of a compressed VGG-19"):
        Compressed(turned, source="here", pooling="max")

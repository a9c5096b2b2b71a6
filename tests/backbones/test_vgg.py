"""VGG against a layer by layer computation in float64, on files in torchvision's layout."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from impasto.backbones import vgg
from impasto.backbones.vgg import VGG, load_vgg
from impasto.errors import UsageError, WeightsError
from impasto.weights import ProgressCallback, PublishedWeights, load_metadata, load_tensors

OXFORD_FILE = Path(__file__).resolve().parents[2].parent / "shared" / "weights" / "vgg19-relu3_4.safetensors"
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
OXFORD_BGR_MEANS = (103.939, 116.779, 123.68)

# torchvision's numbering, written out: index of each convolution, "M" where it pools
Plan = list[int | str]
VGG19: Plan = [0, 2, "M", 5, 7, "M", 10, 12, 14, 16, "M", 19, 21, 23, 25, "M", 28, 30, 32, 34]
VGG16: Plan = [0, 2, "M", 5, 7, "M", 10, 12, 14, "M", 17, 19, 21, "M", 24, 26, 28]
CHANNELS = [64, 128, 256, 512, 512]


def random_tensors(plan: Plan, convolutions: int) -> dict[str, Tensor]:
    """The first convolutions of a VGG, with activations that keep their size."""
    generator = torch.Generator().manual_seed(7)
    tensors: dict[str, Tensor] = {}
    previous, block = 3, 0
    for index in plan:
        if index == "M":
            block += 1
        elif len(tensors) < 2 * convolutions:
            width = CHANNELS[block]
            spread = (2 / (9 * previous)) ** 0.5
            weight = torch.randn(width, previous, 3, 3, generator=generator) * spread
            tensors[f"features.{index}.weight"] = weight
            tensors[f"features.{index}.bias"] = torch.randn(width, generator=generator) / 10
            previous = width
    return tensors


def reference(x: Tensor, tensors: dict[str, Tensor], plan: Plan, pool: Callable[..., Tensor]) -> list[Tensor]:
    """Every output in order, from the preprocessed input, in float64."""
    outputs = []
    for index in plan:
        if index == "M":
            x = pool(x, 2)
        elif f"features.{index}.weight" in tensors:
            weight, bias = (tensors[f"features.{index}.{kind}"].double() for kind in ("weight", "bias"))
            outputs.append(F.conv2d(x, weight, bias, padding=1))
            x = outputs[-1].clamp(min=0)
        else:
            break
        outputs.append(x)
    return outputs


def normalized(image: Tensor) -> Tensor:
    mean, deviation = (
        torch.tensor(values, dtype=torch.float64).view(3, 1, 1) for values in (MEAN, DEVIATION)
    )
    return (image.double() - mean) / deviation


def oxford(image: Tensor) -> Tensor:
    means = torch.tensor(OXFORD_BGR_MEANS, dtype=torch.float64).view(3, 1, 1)
    return image.double().flip(1) * 255 - means


def photo(height: int = 21, width: int = 26, count: int = 1) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(3))


def assert_same(features: dict[str, Tensor], network: VGG, expected: list[Tensor]) -> None:
    assert list(features) == list(network.layers)
    for name, wanted in zip(network.layers, expected, strict=False):
        error = (features[name].double() - wanted).abs().max() / wanted.abs().max()
        assert error < 1e-5, name


def written(tmp_path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> Path:
    path = tmp_path / "some.safetensors"
    save_file(tensors, path, metadata)
    return path


@pytest.fixture(scope="module")
def small_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """VGG-19 up to relu2_2: 260 thousand parameters."""
    return written(tmp_path_factory.mktemp("small"), random_tensors(VGG19, 4))


@pytest.fixture(scope="module")
def small(small_file: Path) -> VGG:
    return load_vgg(small_file)


@pytest.mark.parametrize(("pooling", "pool"), [("max", F.max_pool2d), ("average", F.avg_pool2d)])
def test_every_layer_against_float64(
    tmp_path: Path, pooling: vgg.Pooling, pool: Callable[..., Tensor]
) -> None:
    tensors = random_tensors(VGG19, 9)
    network = load_vgg(written(tmp_path, tensors), pooling=pooling)
    image = photo(count=2)
    assert_same(network(image, network.layers), network, reference(normalized(image), tensors, VGG19, pool))
    assert network.layers[-3:] == ("pool3", "conv4_1", "relu4_1")


@pytest.mark.skipif(not OXFORD_FILE.exists(), reason="the reference weights are not beside this checkout")
def test_oxford_weights_are_recognised_and_exact(tmp_path: Path) -> None:
    network, tensors = load_vgg(OXFORD_FILE), load_tensors(OXFORD_FILE)
    image = photo()
    expected = reference(oxford(image), tensors, VGG19, F.max_pool2d)
    assert_same(network(image, network.layers), network, expected)
    halved = {key: tensor.half() for key, tensor in tensors.items() if key.startswith("features.0.")}
    first = load_vgg(written(tmp_path, halved))(image, ["relu1_1"])["relu1_1"]
    assert (first.double() - expected[1]).abs().max() < 1e-3 * expected[1].max()


@pytest.mark.skipif(not OXFORD_FILE.exists(), reason="the reference weights are not beside this checkout")
def test_cut_file_says_where_it_ends() -> None:
    with pytest.raises(
        UsageError, match=r"relu3_4\.safetensors ends at relu3_4 and has no layer relu4_1: choose"
    ):
        load_vgg(OXFORD_FILE)(photo(), ["relu1_1", "relu4_1"])


@pytest.mark.parametrize("by", ["option", "metadata"])
def test_caffe_preprocessing_can_be_told(tmp_path: Path, by: str) -> None:
    tensors = random_tensors(VGG16, 2)
    metadata = {"preprocessing": "caffe"} if by == "metadata" else None
    network = load_vgg(
        written(tmp_path, tensors, metadata), preprocessing="caffe" if by == "option" else "auto"
    )
    image = photo()
    assert_same(
        network(image, network.layers), network, reference(oxford(image), tensors, VGG16, F.max_pool2d)
    )


def test_unknown_options_and_metadata(tmp_path: Path, small_file: Path) -> None:
    with pytest.raises(UsageError, match="no pooling median: choose among max, average"):
        load_vgg(small_file, pooling="median")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no preprocessing keras"):
        load_vgg(small_file, preprocessing="keras")  # type: ignore[arg-type]
    with pytest.raises(WeightsError, match="unknown preprocessing, keras"):
        load_vgg(written(tmp_path, random_tensors(VGG19, 1), {"preprocessing": "keras"}))


@pytest.mark.parametrize(("plan", "count", "block3"), [(VGG16, 13, 3), (VGG19, 16, 4)])
def test_whole_file_in_the_published_layout(tmp_path: Path, plan: Plan, count: int, block3: int) -> None:
    tensors = {
        key: torch.zeros(shape, dtype=torch.float16) for key, shape in whole_shapes(plan, count).items()
    }
    torch.save(tensors | {"classifier.0.weight": torch.zeros(4, 4)}, tmp_path / "whole.pth")
    network = load_vgg(tmp_path / "whole.pth")
    assert sum(name.startswith("conv") for name in network.layers) == count
    assert sum(name.startswith("conv3") for name in network.layers) == block3
    assert network.layers[-1] == f"relu5_{block3}"
    features = network(photo(16, 16), ["relu5_1", "pool4"])
    assert features["relu5_1"].shape == (1, 512, 1, 1)
    assert list(features) == ["pool4", "relu5_1"]


def whole_shapes(plan: Plan, count: int) -> dict[str, torch.Size]:
    with torch.device("meta"):
        indices = [index for index in plan if index != "M"]
        assert len(indices) == count
        channels = [width for width, block in zip(CHANNELS, blocks(plan), strict=True) for _ in range(block)]
        shapes = {}
        for index, previous, width in zip(indices, [3, *channels], channels, strict=False):
            shapes[f"features.{index}.weight"] = torch.Size((width, previous, 3, 3))
            shapes[f"features.{index}.bias"] = torch.Size((width,))
    return shapes


def blocks(plan: Plan) -> list[int]:
    return [len(block.split()) for block in " ".join(map(str, plan)).split("M")]


def test_weights_saved_from_a_wrapped_model(tmp_path: Path) -> None:
    wrapped = {f"module.vgg.{key}": tensor for key, tensor in random_tensors(VGG16, 1).items()}
    assert load_vgg(written(tmp_path, wrapped)).layers == ("conv1_1", "relu1_1")


def test_nothing_is_computed_below_the_deepest_layer(small: VGG) -> None:
    calls: list[str] = []
    hooks = [
        layer.register_forward_hook(lambda *_, name=name: calls.append(name))
        for name, layer in small.convolutions.named_children()
    ]
    small(photo(), ["relu1_2", "conv1_1"])
    small(photo(), [])
    for hook in hooks:
        hook.remove()
    assert calls == ["conv1_1", "conv1_2"]


def test_a_layer_is_the_same_whatever_else_is_asked_for(small: VGG) -> None:
    image = photo()
    together = small(image, small.layers)
    for name in small.layers:
        assert torch.equal(small(image, {name})[name], together[name])
    assert together["conv1_1"].min() < 0


def test_gradient_reaches_the_image_and_not_the_weights(small: VGG) -> None:
    image = photo(8, 8).requires_grad_()
    small(image, ["relu2_2"])["relu2_2"].square().mean().backward()
    assert image.grad is not None
    assert image.grad.abs().min() > 0
    assert not any(parameter.requires_grad or parameter.grad is not None for parameter in small.parameters())
    assert not small.training
    assert small.maps == {}


def test_gradient_against_finite_differences(small_file: Path) -> None:
    network = load_vgg(small_file, pooling="average").double()
    image = photo(4, 4).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: network(x, ["conv2_1"])["conv2_1"].sum(), image)


def test_channels_last_and_autocast(small: VGG) -> None:
    image = photo(32, 32)
    expected = small(image, ["relu2_2"])["relu2_2"]
    found = small(image.contiguous(memory_format=torch.channels_last), ["relu2_2"])["relu2_2"]
    assert torch.allclose(found, expected, atol=1e-4)
    with torch.autocast("cpu", torch.bfloat16):
        rough = small(image, ["relu2_2"])["relu2_2"]
    assert (rough - expected).abs().mean() < 0.02 * expected.abs().mean()


def test_unknown_layer_names_those_there_are(small: VGG) -> None:
    with pytest.raises(UsageError, match=r"no layer relu9_9: choose among conv1_1, relu1_1, .*, relu2_2$"):
        small(photo(), ["relu9_9"])


def test_image_too_small_for_the_layer(small: VGG) -> None:
    assert small(photo(1, 1), ["relu1_2"])["relu1_2"].shape == (1, 64, 1, 1)
    assert small(photo(2, 5), ["relu2_1"])["relu2_1"].shape == (1, 128, 1, 2)
    with pytest.raises(UsageError, match="5x1 pixels is too small for layer pool1, which needs 2x2"):
        small(photo(1, 5), ["pool1"])


def change(key: str, tensor: Tensor | None) -> dict[str, Tensor]:
    tensors = random_tensors(VGG19, 2)
    del tensors[key]
    return tensors if tensor is None else tensors | {key: tensor}


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        (
            {"conv1.weight": torch.ones(64, 3, 7, 7), "layer1.0.bn1.bias": torch.ones(64)},
            "no VGG-16 or VGG-19",
        ),
        (
            {"features.0.weight": torch.ones(64, 3, 3, 3), "features.3.weight": torch.ones(1)},
            "no VGG-16 or VGG-19",
        ),
        (change("features.2.bias", None), "lacks features.2.bias"),
        (change("features.2.bias", torch.ones(3)), r"features.2.bias in .* has the shape \(3,\)"),
        (
            change("features.0.weight", torch.ones(64, 1, 3, 3)),
            r"\(64, 1, 3, 3\), in a VGG it is \(64, 3, 3, 3\)",
        ),
        (change("features.0.bias", torch.full((64,), torch.nan)), "features.0.bias in .* holds NaN"),
    ],
)
def test_foreign_and_damaged_files(tmp_path: Path, tensors: dict[str, Tensor], message: str) -> None:
    path = written(tmp_path, tensors)
    with pytest.raises(WeightsError, match=message) as caught:
        load_vgg(path)
    assert str(path) in str(caught.value)


def test_name_that_is_neither_network_nor_file() -> None:
    with pytest.raises(WeightsError, match="there is no weights file vgg11"):
        load_vgg("vgg11")


@pytest.fixture
def fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Where a stand-in for the download leaves its file, once for each call."""
    calls: list[Path] = []

    def fetch(weights: PublishedWeights, *, on_progress: ProgressCallback | None) -> Path:
        folder = tmp_path / ("hub" if (tmp_path / "hub").exists() else "cache")
        folder.mkdir(exist_ok=True)
        calls.append(folder / weights.filename)
        torch.save(random_tensors(VGG16, 1) | {"classifier.0.weight": torch.ones(9)}, calls[-1])
        return calls[-1]

    monkeypatch.setenv("IMPASTO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(vgg, "fetch", fetch)
    return calls


def test_published_weights_are_kept_without_their_classifier(tmp_path: Path, fetched: list[Path]) -> None:
    assert load_vgg("vgg16").layers == load_vgg("vgg16").layers == ("conv1_1", "relu1_1")
    assert len(fetched) == 1
    kept = tmp_path / "cache" / "vgg16-features.safetensors"
    assert list(kept.parent.iterdir()) == [kept]
    assert load_metadata(kept)["licence"] == "BSD-3-Clause"
    assert load_metadata(kept)["preprocessing"] == "torchvision"


def test_kept_file_that_is_damaged_is_made_anew(tmp_path: Path, fetched: list[Path]) -> None:
    load_vgg("vgg16")
    kept = tmp_path / "cache" / "vgg16-features.safetensors"
    kept.write_bytes(kept.read_bytes()[:-100])
    load_vgg("vgg16")
    assert len(fetched) == 2


def test_file_of_the_hub_is_left_alone(tmp_path: Path, fetched: list[Path]) -> None:
    (tmp_path / "hub").mkdir()
    load_vgg("vgg19")
    assert fetched[0].exists()
    assert (tmp_path / "cache" / "vgg19-features.safetensors").exists()


def test_cache_that_cannot_be_written(tmp_path: Path, fetched: list[Path]) -> None:
    (tmp_path / "hub").mkdir()
    (tmp_path / "cache").touch()
    assert load_vgg("vgg19").layers == ("conv1_1", "relu1_1")


@pytest.mark.parametrize("name", ["vgg16", "vgg19"])
def test_records(name: str) -> None:
    weights = vgg.PUBLISHED[name]
    assert weights.filename == f"{name}-{weights.sha256[:8]}.pth"
    assert len(weights.sha256) == 64

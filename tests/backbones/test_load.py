"""`backbones.load` finds out by itself what a file holds."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from impasto import backbones
from impasto.backbones import vgg
from impasto.backbones.compact import LAYERS, Compact
from impasto.backbones.compressed import Compressed
from impasto.backbones.vgg import VGG
from impasto.errors import UsageError, WeightsError
from impasto.weights import load_tensors


@pytest.mark.parametrize(
    ("fixture", "kind", "deepest"),
    [
        ("compact_file", Compact, "relu5_1"),
        ("compressed_file", Compressed, "relu5_1"),
        ("vgg_file", VGG, "relu3_1"),
    ],
)
@pytest.mark.parametrize("spell", [str, Path])
def test_file_of_each_kind(
    request: pytest.FixtureRequest,
    fixture: str,
    kind: type,
    deepest: str,
    spell: Callable[[Path], str | Path],
) -> None:
    path = request.getfixturevalue(fixture)
    network = backbones.load(spell(path), pooling="average")
    assert type(network) is kind
    assert network.layers[-1] == deepest
    assert network.source == str(path)
    assert network.pooling == "average"
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_pickles_of_each_kind(tmp_path: Path, compressed_file: Path, vgg_file: Path) -> None:
    path = tmp_path / "weights.pth"
    for source, kind in ((compressed_file, Compressed), (vgg_file, VGG)):
        torch.save(load_tensors(source), path)
        assert type(backbones.load(path)) is kind


def test_embedded_backbone_by_its_name() -> None:
    network = backbones.load("compact", pooling="average")
    assert isinstance(network, Compact)
    assert (network.source, network.pooling, network.layers) == ("compact", "average", LAYERS)


@pytest.mark.parametrize("name", ["vgg19", "vgg16"])
def test_published_network_by_its_name(monkeypatch: pytest.MonkeyPatch, vgg_file: Path, name: str) -> None:
    """The download itself is tested with `weights`; here a file stands for what it would bring."""
    asked: list[tuple[str, object]] = []

    def fetched(weights: vgg.PublishedWeights, *, on_progress: object) -> Path:
        asked.append((weights.url, on_progress))
        return vgg_file

    def tell(here: int, whole: int) -> None: ...

    monkeypatch.setattr(vgg, "fetch", fetched)
    monkeypatch.setattr(vgg, "cache_dir", lambda: vgg_file.parent / "cache")
    network = backbones.load(name, on_progress=tell)
    assert isinstance(network, VGG)
    assert network.source == name
    assert asked == [(vgg.PUBLISHED[name].url, tell)]


@pytest.mark.parametrize("fixture", ["compact_file", "compressed_file", "vgg_file"])
def test_unknown_pooling(request: pytest.FixtureRequest, fixture: str) -> None:
    with pytest.raises(UsageError, match="no pooling median: choose among max, average"):
        backbones.load(request.getfixturevalue(fixture), pooling="median")  # type: ignore[arg-type]


def test_names_are_those_that_can_be_loaded() -> None:
    assert backbones.NAMES == ("compact", "vgg19", "vgg16")


def save_foreign(path: Path) -> None:
    save_file({"encoder.weight": torch.zeros(3)}, path)


def save_damaged(path: Path) -> None:
    path.write_bytes(b"\x10" + bytes(20))


def save_nan(path: Path) -> None:
    tensors: dict[str, Tensor] = {"features.0.weight": torch.full((64, 3, 3, 3), float("nan"))}
    save_file(tensors | {"features.0.bias": torch.zeros(64)}, path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (save_foreign, "is no VGG-16 or VGG-19"),
        (save_damaged, "cannot read the weights file"),
        (save_nan, r"features\.0\.weight in .* holds NaN"),
        (Path.mkdir, "is a folder"),
        (lambda path: None, "there is no weights file"),
    ],
)
def test_file_that_cannot_be_used_is_named(
    tmp_path: Path, make: Callable[[Path], None], message: str
) -> None:
    path = tmp_path / "weights.safetensors"
    make(path)
    with pytest.raises(WeightsError, match=message) as caught:
        backbones.load(path)
    assert str(path) in str(caught.value)

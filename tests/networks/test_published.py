"""Checkpoints of others: their dialects, and files that are none."""

from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from impasto.errors import WeightsError
from impasto.networks.card import load_card, save_card
from impasto.networks.published import load_published

STATISTICS = ("running_mean", "running_var")


@pytest.fixture(scope="module")
def tensors(published: nn.Module) -> dict[str, Tensor]:
    return dict(published.state_dict())


def with_statistics(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """As torch 0.3 saved it: instance norms had running statistics, which they did not use."""
    found = dict(tensors)
    for name, tensor in tensors.items():
        layer, _, kind = name.rpartition(".")
        if kind == "weight" and layer.rpartition(".")[2].startswith("in"):
            found |= {f"{layer}.{statistic}": torch.full_like(tensor, 3.0) for statistic in STATISTICS}
            found[f"{layer}.num_batches_tracked"] = torch.tensor(7)
    assert len(found) == len(tensors) + 3 * 15
    return found


def wrapped(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"module.{name}": tensor for name, tensor in tensors.items()}


DIALECTS = {
    "plain": lambda tensors: tensors,
    "ordered": OrderedDict,
    "old": with_statistics,
    "parallel": wrapped,
    "old and parallel": lambda tensors: wrapped(with_statistics(tensors)),
    "checkpoint": lambda tensors: {"epoch": 2, "state_dict": tensors, "loss": 0.1},
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_dialects(tmp_path: Path, published: nn.Module, tensors: dict[str, Tensor], dialect: str) -> None:
    path = tmp_path / "rain_princess.pth"
    torch.save(DIALECTS[dialect](tensors), path)
    card = load_published(path)
    assert (card.network, card.style, dict(card.config)) == ("transformer_net", "rain_princess", {})
    image = torch.rand(1, 3, 32, 24, generator=torch.Generator().manual_seed(11))
    assert (card.build()(image) - published(255 * image) / 255).abs().max() < 1e-4


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".model", ".safetensors"])
@pytest.mark.parametrize("new", [True, False])
def test_suffixes(tmp_path: Path, tensors: dict[str, Tensor], suffix: str, new: bool) -> None:
    """`.model` is what the examples themselves write; those of 2017 are no zip files."""
    path = tmp_path / f"candy{suffix}"
    if suffix == ".safetensors":
        save_file(tensors, path)
    else:
        torch.save(tensors, path, _use_new_zipfile_serialization=new)
    card = load_published(path)
    assert card.style == "candy"
    assert all(torch.equal(card.tensors[name], tensor) for name, tensor in tensors.items())


def test_half_precision_becomes_float32(tmp_path: Path, tensors: dict[str, Tensor]) -> None:
    torch.save({name: tensor.half() for name, tensor in tensors.items()}, tmp_path / "candy.pth")
    assert {t.dtype for t in load_published(tmp_path / "candy.pth").tensors.values()} == {torch.float32}


def test_published_weights_become_a_style_card(tmp_path: Path, tensors: dict[str, Tensor]) -> None:
    torch.save(tensors, tmp_path / "mosaic.pth")
    save_card(load_published(tmp_path / "mosaic.pth"), tmp_path / "card.safetensors")
    card = load_card(tmp_path / "card.safetensors")
    assert (card.network, card.style) == ("transformer_net", "mosaic")
    assert all(torch.equal(card.tensors[name], tensor.half()) for name, tensor in tensors.items())


def change(tensors: dict[str, Tensor], name: str, tensor: Tensor | None) -> dict[str, Tensor]:
    rest = {key: value for key, value in tensors.items() if key != name}
    return rest if tensor is None else rest | {name: tensor}


@pytest.mark.parametrize(
    ("name", "tensor", "message"),
    [
        ("in4.bias", None, "it has no in4.bias"),
        ("deconv9.conv2d.weight", torch.ones(3), "it has deconv9.conv2d.weight, which is unknown"),
        ("conv1.running_mean", torch.ones(3), "it has conv1.running_mean, which is unknown"),
        (
            "conv1.conv2d.weight",
            torch.ones(16, 3, 9, 9),
            r"its conv1.conv2d.weight is \(16, 3, 9, 9\), not \(32, 3, 9, 9\)",
        ),
        ("conv1.conv2d.bias", torch.full((32,), torch.nan), "conv1.conv2d.bias in .* holds NaN"),
    ],
)
def test_weights_of_another_network(
    tmp_path: Path, tensors: dict[str, Tensor], name: str, tensor: Tensor | None, message: str
) -> None:
    path = tmp_path / "foreign.pth"
    torch.save(change(tensors, name, tensor), path)
    with pytest.raises(WeightsError, match=message) as caught:
        load_published(path)
    assert str(path) in str(caught.value)


class Code:
    """Would make a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_code_is_not_run(tmp_path: Path, tensors: dict[str, Tensor]) -> None:
    torch.save({**tensors, "more": Code(tmp_path / "owned")}, tmp_path / "evil.pth")
    with pytest.raises(WeightsError, match=r"evil\.pth: .* could run code"):
        load_published(tmp_path / "evil.pth")
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("content", [b"", b"not weights", b"PK\x03\x04"])
def test_no_checkpoint_at_all(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "photo.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"cannot read .*photo\.pth"):
        load_published(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="there is no weights file"):
        load_published(tmp_path / "none.pth")
    with pytest.raises(WeightsError, match="is a folder"):
        load_published(tmp_path)


def test_a_whole_pickled_network_and_an_empty_one(tmp_path: Path) -> None:
    torch.save(nn.Sequential(nn.Conv2d(3, 3, 1)), tmp_path / "module.pth")
    with pytest.raises(WeightsError, match="could run code"):
        load_published(tmp_path / "module.pth")
    torch.save({}, tmp_path / "empty.pth")
    with pytest.raises(WeightsError, match="holds no named tensors"):
        load_published(tmp_path / "empty.pth")

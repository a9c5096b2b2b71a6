"""The family of checkpoints whose pixels ImageNet's mean and deviation normalise."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from impasto.errors import WeightsError
from impasto.networks.card import load_card, save_card
from impasto.networks.published import FAMILIES, read_published

MEAN, DEVIATION = (
    torch.tensor(numbers).view(1, 3, 1, 1) for numbers in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
)


@pytest.fixture
def checkpoint(tmp_path: Path, normalized: nn.Module) -> Path:
    """As they are published: the weights under the names of that family, among notes on the training."""
    renamed = {re.sub(r"^deconv", "up", name): t for name, t in normalized.state_dict().items()}
    path = tmp_path / "edtaonisl.pth"
    torch.save({"state_dict": renamed, "commit_hash": "abc", "content_weight": 1.0}, path)
    return path


@pytest.fixture
def normalized(published: nn.Module) -> nn.Module:
    """Johnson's network with weights for normalised pixels on both ends."""
    from copy import deepcopy

    network = deepcopy(published)
    with torch.no_grad():
        network.deconv3.conv2d.weight.mul_(1 / 60)  # type: ignore[union-attr, operator]
        network.deconv3.conv2d.bias.copy_(torch.tensor([0.3, -0.2, 0.1]))  # type: ignore[union-attr, operator]
    return network


def image_of(height: int, width: int) -> Tensor:
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(12))


def test_it_paints_as_its_own_program_does(checkpoint: Path, normalized: nn.Module) -> None:
    card, family = read_published(checkpoint)
    assert (card.style, family.origin) == ("edtaonisl", "gordicaleksa/pytorch-neural-style-johnson")
    image = image_of(32, 24)
    expected = normalized((image - MEAN) / DEVIATION) * DEVIATION + MEAN
    assert expected.std() > 0.05
    assert (card.build()(image) - expected).abs().max() < 1e-4


def test_it_outlives_a_card_in_half_precision(tmp_path: Path, checkpoint: Path) -> None:
    card, _ = read_published(checkpoint)
    save_card(card, tmp_path / "card.safetensors")
    again, image = load_card(tmp_path / "card.safetensors"), image_of(40, 40)
    assert (again.build()(image) - card.build()(image)).abs().mean() < 0.004


def test_what_lacks_a_layer_is_named(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save({"up3.conv2d.weight": torch.zeros(3, 32, 9, 9)}, path)
    with pytest.raises(WeightsError, match=r"TransformerNet of gordicaleksa/.*: it has no conv1"):
        read_published(path)


_WIDE, _NARROW = (32, 3, 9, 9), (3, 32, 9, 9)


@pytest.mark.parametrize("shapes", [(_NARROW, _NARROW), (_WIDE, _WIDE), ((3,), (3,))])
def test_shapes_that_no_end_convolution_has(tmp_path: Path, shapes: tuple[tuple[int, ...], ...]) -> None:
    first, last = (torch.ones(shape) for shape in shapes)
    path = tmp_path / "mosaic.pth"
    saved = {"conv1.conv2d.weight": first, "up3.conv2d.weight": last, "up3.conv2d.bias": torch.ones(3)}
    torch.save(saved, path)
    with pytest.raises(WeightsError, match="does not hold the TransformerNet"):
        read_published(path)


def test_families_cannot_be_mistaken() -> None:
    assert len({family.mark for family in FAMILIES}) == len(FAMILIES)


@pytest.mark.parametrize("suffix", [".t7", ".net"])
def test_lua_files_are_not_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"starry{suffix}"
    path.write_bytes(b"\x04\x00\x00\x00")
    with pytest.raises(WeightsError, match="a file of Lua's Torch"):
        read_published(path)

"""Johnson's network against the published one, written in plain torch."""

import pytest
import torch
from torch import nn

from impasto.networks.transformer_net import TransformerNet


@pytest.fixture(scope="module")
def network(published: nn.Module) -> TransformerNet:
    found = TransformerNet()
    found.load_state_dict(published.state_dict())
    return found.requires_grad_(False).eval()


def test_names_and_shapes_are_the_published_ones(published: nn.Module) -> None:
    expected = {name: tensor.shape for name, tensor in published.state_dict().items()}
    assert {name: tensor.shape for name, tensor in TransformerNet().state_dict().items()} == expected
    for name in ("conv1.conv2d.weight", "in1.weight", "res5.conv2.conv2d.bias", "res1.in2.bias", "in5.bias"):
        assert name in expected


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("size", [(64, 48), (8, 8), (12, 100)])
def test_pictures_are_the_published_ones(
    network: TransformerNet, published: nn.Module, size: tuple[int, int], layout: torch.memory_format
) -> None:
    image = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(9))
    expected = published(255 * image) / 255
    assert expected.std() > 0.05
    found = network(image.contiguous(memory_format=layout))
    assert (found - expected).abs().max() < 1e-4


def test_nearly_flat_pictures_are_exact_too(network: TransformerNet, published: nn.Module) -> None:
    """A white wall: the spread of what the first layer gives is far below its mean."""
    wall = 0.98 + 0.001 * torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(9))
    exact = published.double()(255 * wall.double()) / 255
    published.float()
    found = network(wall.contiguous(memory_format=torch.channels_last))
    assert (found - exact).abs().max() < 2e-3


def test_start_is_a_gray_picture_with_contrast() -> None:
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(10)
        painted = TransformerNet()(torch.rand(1, 3, 64, 64))
    assert painted.mean() == pytest.approx(0.5, abs=0.15)
    assert 0.05 < painted.std() < 0.4

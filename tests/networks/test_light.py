"""The default network's start, and what can and cannot pass through it."""

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.networks.light import Light


@torch.no_grad()
def test_four_pixels_of_a_square_start_equal() -> None:
    network, seen = Light(), []
    network.last.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    network(torch.rand(1, 3, 40, 48))
    squares: Tensor = F.pixel_shuffle(seen[0], 2).unflatten(2, (-1, 2)).unflatten(4, (-1, 2))
    assert squares.shape == (1, 3, 20, 2, 24, 2)
    assert (squares - squares[:, :, :, :1, :, :1]).abs().max() < 1e-6
    assert squares[:, :, :, 0, :, 0].std() > 0.01


@torch.no_grad()
def test_a_grid_of_single_pixels_cannot_be_learned() -> None:
    network = Light()
    network.last.conv2d.weight.zero_()
    network.last.conv2d.bias.copy_(torch.arange(12.0))  # type: ignore[union-attr]
    painted = network(torch.rand(1, 3, 32, 24))
    expected = 0.5 + 0.5 * torch.arange(12.0).view(1, 3, 4).mean(2).view(1, 3, 1, 1)
    torch.testing.assert_close(painted, expected.expand(painted.shape))


@torch.no_grad()
def test_single_pixels_are_seen() -> None:
    """Folding loses nothing: no pooling stands before the first convolution."""
    network, image = Light(), torch.rand(1, 3, 32, 32)
    changed = image.clone()
    changed[..., 13, 14] += 0.5
    assert (network(changed) - network(image)).abs().max() > 1e-3

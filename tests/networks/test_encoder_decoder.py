"""The transposed convolutions leave neither a grid nor a frame."""

import pytest
import torch
import torch.nn.functional as F

from impasto.networks.encoder_decoder import EncoderDecoder, NormedDoubling


@torch.no_grad()
def test_flat_areas_start_without_a_grid_or_a_frame() -> None:
    layer = NormedDoubling(3, 5)
    layer.norm = torch.nn.Identity()  # type: ignore[assignment]
    flat = layer(torch.full((1, 3, 4, 6), 0.7))
    assert flat.shape == (1, 5, 8, 12)
    assert (flat - flat[..., :1, :1]).abs().max() < 1e-6
    assert flat.max() > 0


@torch.no_grad()
def test_doubling_inside_is_a_plain_transposed_convolution() -> None:
    layer, x = NormedDoubling(3, 5), torch.rand(1, 3, 6, 7)
    layer.norm = torch.nn.Identity()  # type: ignore[assignment]
    plain = F.conv_transpose2d(x, layer.convolution.weight, stride=2, padding=1).relu()
    torch.testing.assert_close(layer(x)[..., 1:-1, 1:-1], plain[..., 1:-1, 1:-1])


@pytest.mark.parametrize(("channels", "multiple"), [((4, 4), 2), ((4, 4, 4), 4), ((4, 4, 4, 4, 4), 16)])
@torch.no_grad()
def test_each_further_width_halves_once_more(channels: tuple[int, ...], multiple: int) -> None:
    network = EncoderDecoder(channels, blocks=0)
    assert (network.multiple, network.least_side) == (multiple, 2 * multiple)
    assert network(torch.rand(1, 3, 37, 2)).shape == (1, 3, 37, 2)

"""What passes by a skip, and what cannot."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from impasto.networks.unet import UNet

IMAGE = torch.rand(1, 3, 64, 48, generator=torch.Generator().manual_seed(8))


def mix_squares(_module: nn.Module, _inputs: object, seen: Tensor) -> Tensor:
    """Swap the columns of each 2 x 2 square: max pooling sees no difference, single pixels are elsewhere."""
    swapped = seen.unflatten(3, (-1, 2)).flip(4).flatten(3)
    assert torch.equal(F.max_pool2d(swapped, 2), F.max_pool2d(seen, 2))
    return swapped


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("skips", [(), (2, 3), (1,), (1, 2, 3)])
@torch.no_grad()
def test_detail_passes_only_by_the_skip_of_its_level(skips: tuple[int, ...], level: int) -> None:
    network = UNet(width=4, depth=3, skips=skips)
    before = network(IMAGE)
    hook = network.encoders[level - 1].register_forward_hook(mix_squares)
    after = network(IMAGE)
    hook.remove()
    if level in skips:
        assert (after - before).abs().max() > 1e-3
    else:
        assert torch.equal(after, before)


def test_the_longest_skip_is_left_out_by_default() -> None:
    network = UNet()
    assert network.config == {"width": 16, "depth": 4, "skips": [2, 3, 4]}
    assert [decoder.skipped for decoder in network.decoders] == [False, True, True, True]


def test_skips_are_a_set() -> None:
    assert UNet(width=2, skips=[4, 2]).config["skips"] == [2, 4]
    assert UNet(width=2, skips=()).config["skips"] == []


@pytest.mark.parametrize("depth", [1, 2, 5])
@torch.no_grad()
def test_depth(depth: int) -> None:
    network = UNet(width=2, depth=depth, skips=(1,))
    assert network.multiple == 2**depth
    assert network(torch.rand(1, 3, 70, 1)).shape == (1, 3, 70, 1)

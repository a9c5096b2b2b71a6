"""Statistics held still: what a network paints part by part is what it paints whole."""

import pytest
import torch
from torch import Tensor, nn

from impasto import networks
from impasto.networks import StyleNetwork
from impasto.networks.blocks import InstanceNorm, NoiseInjection
from impasto.networks.statistics import collect, paint_part, reach

SMALL = {
    "light": {"channels": (8, 8), "blocks": (1, 1, 1), "last_channels": 4},
    "transformer_net": {},
    "encoder_decoder": {"channels": (4, 8, 8), "blocks": 1},
    "unet": {"width": 4, "depth": 2, "skips": (2,)},
}


@pytest.fixture(scope="module", params=SMALL)
def network(request) -> StyleNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        made = networks.build(request.param, **SMALL[request.param])
        for module in made.modules():
            if isinstance(module, NoiseInjection):
                nn.init.normal_(module.scale)
            if isinstance(module, InstanceNorm):
                nn.init.normal_(module.weight, 1, 0.2)
                nn.init.normal_(module.bias, 0, 0.2)
    return made.requires_grad_(False)


@pytest.fixture(scope="module")
def halo(network) -> int:
    return reach(network)


@pytest.fixture
def photo(picture) -> Tensor:
    return picture("coffee", 250)[None, :, :125, :171]


def same(one, other):
    torch.testing.assert_close(one, other, atol=2e-5, rtol=0)


def test_a_picture_by_its_own_statistics_is_the_picture(network, photo):
    same(paint_part(network, photo, collect(network, photo)), network(photo))


def test_statistics_are_those_of_the_inputs(network, photo, monkeypatch):
    """Of two images as of one, whose pixels are all of theirs."""
    pair, seen, normalize_by = (
        torch.cat([photo[..., :80], photo[..., 80:160] ** 2]),
        [],
        InstanceNorm.normalize_by,
    )

    def record(norm, x, mean, variance):
        seen.append(x)
        return normalize_by(norm, x, mean, variance)

    statistics = collect(network, pair)
    monkeypatch.setattr(InstanceNorm, "normalize_by", record)
    paint_part(network, pair, statistics)
    assert len(seen) == len(statistics.norms) > 2
    for x, (mean, variance) in zip(seen, statistics.norms, strict=True):
        torch.testing.assert_close(mean, x.mean((0, 2, 3)), atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(variance, x.var((0, 2, 3), correction=0), atol=1e-4, rtol=1e-3)


def test_a_part_leaves_nothing_behind(network, photo):
    before = network(photo)
    with pytest.raises(RuntimeError):
        paint_part(network, photo[:, :2], collect(network, photo**2))
    assert torch.equal(network(photo), before)


def test_a_part_is_exact_beyond_the_reach_of_its_sides(network, halo, photo):
    step = network.multiple
    statistics = collect(network, photo)
    whole = paint_part(network, photo, statistics)
    down, across = 3 * step, 5 * step
    part = paint_part(network, photo[..., down:, across:], statistics, (down, across))
    assert min(part.shape[-2:]) > halo
    same(part[..., halo:, halo:], whole[..., down + halo :, across + halo :])
    part = paint_part(network, photo[..., :, : across + halo], statistics)
    same(part[..., :across], whole[..., :across])


def test_the_reach_is_no_wider_than_it_must_be(network, halo, photo):
    """A change is seen within it, and nowhere beyond."""
    step = network.multiple
    changed, (y, x) = photo.clone(), (64, 80)
    changed[..., y : y + step, x : x + step] = 1 - changed[..., y : y + step, x : x + step]
    statistics = collect(network, photo)
    painted = [paint_part(network, image, statistics) for image in (photo, changed)]
    places = (painted[0] - painted[1]).abs().sum((0, 1)).nonzero()
    sides = (x - places[:, 1], places[:, 1] - (x + step - 1), y - places[:, 0], places[:, 0] - (y + step - 1))
    furthest = max(int(side.max()) for side in sides)
    assert halo - 3 * step < furthest <= halo


def test_the_network_stays_as_it_was(network, photo):
    before = network(photo)
    with pytest.raises(RuntimeError):
        paint_part(network, photo[:, :2], collect(network, photo), (network.multiple, 0))
    assert torch.equal(network(photo), before)
    assert not any(module._forward_pre_hooks for module in network.modules())


def test_bfloat16(network, photo):
    """Statistics are measured and held in float32, so that rounding does not grow with the picture."""
    half = networks.build(network.name, **network.config)
    half.load_state_dict(network.state_dict())
    half = half.requires_grad_(False).bfloat16()
    statistics = collect(half, photo.bfloat16())
    assert {value.dtype for norm in statistics.norms for value in norm} == {torch.float32}
    painted = paint_part(half, photo.bfloat16(), statistics).float()
    assert (painted - network(photo)).abs().mean() < 0.03

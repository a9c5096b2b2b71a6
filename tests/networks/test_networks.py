"""What holds for every network of the table."""

from typing import Any

import pytest
import torch
from torch import Tensor

from impasto import networks
from impasto.errors import UsageError
from impasto.networks.base import StyleNetwork

SMALL: dict[str, dict[str, Any]] = {
    "light": {"channels": (8, 12), "blocks": (1, 1, 1), "last_channels": 4},
    "transformer_net": {},
    "encoder_decoder": {"channels": (4, 6, 8), "blocks": 1},
    "unet": {"width": 4, "depth": 3, "skips": (2, 3)},
}
SIZES = [(1, 1), (2, 3), (5, 5), (17, 33), (8, 200), (64, 40)]


@pytest.fixture(params=networks.NAMES)
def network(request: pytest.FixtureRequest) -> StyleNetwork:
    return seeded(request.param, **SMALL[request.param])


def seeded(name: str, **config: Any) -> StyleNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(6)
        return networks.build(name, **config)


def images(height: int, width: int, count: int = 1) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(7))


@pytest.mark.parametrize("size", SIZES)
@torch.no_grad()
def test_any_size_comes_back(network: StyleNetwork, size: tuple[int, int]) -> None:
    painted = network(images(*size, count=2))
    assert painted.shape == (2, 3, *size)
    assert painted.dtype == torch.float32
    assert bool(painted.isfinite().all())


@torch.no_grad()
def test_least_sides_are_enough_and_needed(network: StyleNetwork) -> None:
    least = network.least_side
    assert least % network.multiple == 0
    assert network.paint(images(least, least)).shape == (1, 3, least, least)
    if least > network.multiple:
        with pytest.raises(RuntimeError, match=r"[Pp]adding size"):
            network.paint(images(least - network.multiple, least))


@torch.no_grad()
def test_training_starts_about_gray(network: StyleNetwork) -> None:
    painted = network(images(64, 64))
    assert 0.2 < painted.mean() < 0.8
    assert 0.02 < painted.std() < 0.6


@torch.no_grad()
def test_images_of_a_batch_are_painted_alone(network: StyleNetwork) -> None:
    batch = images(48, 40, count=2)
    torch.testing.assert_close(network(batch)[1:], network(batch[1:]), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_painting_changes_neither_image_nor_network(network: StyleNetwork) -> None:
    image = images(32, 33)
    kept = image.clone()
    state = {name: tensor.clone() for name, tensor in (*network.named_parameters(), *network.named_buffers())}
    first = network(image)
    network(images(40, 16))
    assert torch.equal(image, kept)
    assert torch.equal(network(image), first)
    for name, tensor in (*network.named_parameters(), *network.named_buffers()):
        assert torch.equal(tensor, state[name])


@torch.no_grad()
def test_channels_last_and_autocast(network: StyleNetwork) -> None:
    image = images(40, 64)
    expected = network(image)
    network = network.to(memory_format=torch.channels_last)
    laid_out = image.contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(network(laid_out), expected, atol=1e-4, rtol=1e-4)
    with torch.autocast("cpu", torch.bfloat16):
        rough = network(laid_out)
    assert (rough - expected).abs().mean() < 0.1 * expected.std()


@pytest.mark.parametrize("precise", [True, False])
def test_every_weight_learns(network: StyleNetwork, precise: bool) -> None:
    network = network.to(memory_format=torch.channels_last)
    image = images(32, 32, count=2).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16, enabled=not precise):
        painted = network(image)
    painted.float().square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.isfinite().all()), name
        assert parameter.ndim == 1 or parameter.grad.abs().max() > 0, name


@torch.no_grad()
def test_a_frozen_network_can_be_exported(network: StyleNetwork) -> None:
    network = network.requires_grad_(False).eval()
    image = images(32, 64)
    program = torch.export.export(network, (image,))
    torch.testing.assert_close(program.module()(image), network(image))


def test_lists_of_a_file_are_taken_as_tuples_are(network: StyleNetwork) -> None:
    assert not any(isinstance(value, tuple) for value in network.config.values())
    again = networks.build(network.name, **network.config)
    assert again.config == network.config
    shapes = {name: tensor.shape for name, tensor in network.state_dict().items()}
    assert {name: tensor.shape for name, tensor in again.state_dict().items()} == shapes


def test_unknown_network() -> None:
    with pytest.raises(UsageError, match="there is no network resnet: choose among light, transformer_net, "):
        networks.build("resnet")


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        ("light", {"colour": 3}, "unexpected keyword argument 'colour'"),
        ("light", {"name": "light"}, "unexpected keyword argument 'name'"),
        ("light", {"channels": [8]}, "channels cannot be 1 numbers"),
        ("light", {"channels": "88"}, "channels must be a list"),
        ("light", {"channels": [100000, 100000]}, "channels must be whole numbers from 1 to 4096"),
        ("light", {"blocks": [1, 10**9, 1]}, "blocks must be whole numbers from 0 to 100"),
        ("light", {"blocks": [1]}, "blocks cannot be 1 numbers"),
        ("light", {"last_channels": 2.5}, "last_channels must be whole numbers"),
        ("transformer_net", {"channels": 3}, "unexpected keyword"),
        ("encoder_decoder", {"channels": [8]}, "channels cannot be 1 numbers"),
        ("encoder_decoder", {"channels": [8, 0]}, "not 0"),
        ("encoder_decoder", {"blocks": -1}, "blocks must be whole numbers from 0"),
        ("unet", {"depth": 7}, "depth must be whole numbers from 1 to 6"),
        ("unet", {"width": "wide"}, "not 'wide'"),
        ("unet", {"skips": [0]}, "skips must be whole numbers from 1 to 4, not 0"),
        ("unet", {"skips": [5]}, "from 1 to 4, not 5"),
        ("unet", {"skips": [2, 2]}, r"skips \[2, 2\] name a level twice"),
        ("unet", {"skips": 2}, "skips must be a list"),
    ],
)
def test_keywords_that_mean_nothing(name: str, config: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=f"a {name} network cannot be built with .*{message}"):
        networks.build(name, **config)


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("light", 300_000, 400_000),
        ("transformer_net", 1_679_235, 1_679_235),
        ("encoder_decoder", 500_000, 2_000_000),
        ("unet", 1_000_000, 3_000_000),
    ],
)
def test_number_of_weights(name: str, least: int, most: int) -> None:
    with torch.device("meta"):
        count = sum(parameter.numel() for parameter in networks.build(name).parameters())
    assert least <= count <= most

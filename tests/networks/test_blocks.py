"""Every block against its formula in float64, backwards too, in both memory layouts."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from impasto.networks.blocks import (
    Convolution,
    InstanceNorm,
    NoiseInjection,
    NormedConvolution,
    Residual,
    enlarge,
)

LAYOUTS = [torch.contiguous_format, torch.channels_last]
# below and above the 32 channels from which sums are matrix products; torch has two ways above 1024 pixels
SHAPES = [(2, 3, 5, 7), (2, 31, 6, 4), (1, 32, 9, 9), (2, 40, 5, 8), (1, 4, 40, 41), (2, 33, 36, 33)]


def formula(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Instance norm of Ulyanov et al. 2016, from its definition."""
    mean = x.mean((2, 3), keepdim=True)
    variance = (x - mean).square().mean((2, 3), keepdim=True)
    return (x - mean) / (variance + 1e-5).sqrt() * weight.view(1, -1, 1, 1) + bias.view(1, -1, 1, 1)


def randoms(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def random_norm(channels: int) -> InstanceNorm:
    norm = InstanceNorm(channels)
    with torch.no_grad():
        norm.weight.copy_(randoms(channels, seed=1))
        norm.bias.copy_(randoms(channels, seed=2))
    return norm


def gradients(norm: InstanceNorm, x: Tensor, upstream: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of the input, the weight and the bias, by the formula in float64."""
    exact = [t.detach().double().requires_grad_() for t in (x, norm.weight, norm.bias)]
    formula(*exact).backward(upstream.double())
    of_x, of_weight, of_bias = (t.grad for t in exact)
    assert of_x is not None
    assert of_weight is not None
    assert of_bias is not None
    return of_x, of_weight, of_bias


def relative_error(found: Tensor | None, expected: Tensor) -> float:
    assert found is not None
    return float((found.detach().double() - expected.detach()).norm() / expected.detach().norm())


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", SHAPES)
def test_instance_norm(shape: tuple[int, int, int, int], layout: torch.memory_format) -> None:
    norm = random_norm(shape[1])
    x = (randoms(*shape) + 2).contiguous(memory_format=layout)
    expected = formula(x.double(), norm.weight.double(), norm.bias.double())
    with torch.no_grad():
        assert relative_error(norm(x), expected) < 1e-5
    trained = norm(x.requires_grad_())
    assert relative_error(trained, expected) < 1e-5


@pytest.mark.parametrize("upstream_layout", LAYOUTS)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_of_instance_norm(
    shape: tuple[int, int, int, int], layout: torch.memory_format, upstream_layout: torch.memory_format
) -> None:
    norm = random_norm(shape[1])
    x = (randoms(*shape) + 2).contiguous(memory_format=layout).requires_grad_()
    upstream = randoms(*shape, seed=3).contiguous(memory_format=upstream_layout)
    norm(x).backward(upstream)
    of_x, of_weight, of_bias = gradients(norm, x, upstream)
    assert relative_error(x.grad, of_x) < 2e-5
    assert relative_error(norm.weight.grad, of_weight) < 2e-5
    assert relative_error(norm.bias.grad, of_bias) < 2e-5


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("channels", [5, 36])
def test_gradients_where_only_the_norm_learns(channels: int, layout: torch.memory_format) -> None:
    """Here torch 2.13's own backward pass ends the process."""
    norm = random_norm(channels)
    x, upstream = ((randoms(2, channels, 37, 35, seed=i)).contiguous(memory_format=layout) for i in (0, 3))
    norm(x).backward(upstream)
    _, of_weight, of_bias = gradients(norm, x, upstream)
    assert relative_error(norm.weight.grad, of_weight) < 2e-5
    assert relative_error(norm.bias.grad, of_bias) < 2e-5


@pytest.mark.parametrize("channels", [3, 32])
def test_gradients_against_finite_differences(channels: int) -> None:
    norm = random_norm(channels).double()
    x = randoms(2, channels, 2, 2).double().requires_grad_()

    def call(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.func.functional_call(norm, {"weight": weight, "bias": bias}, (x,))

    assert torch.autograd.gradcheck(call, (x, norm.weight, norm.bias), fast_mode=channels > 3)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("channels", [5, 36])
def test_instance_norm_in_half_precision(channels: int, dtype: torch.dtype) -> None:
    norm = random_norm(channels)
    x, upstream = (randoms(2, channels, 36, 30, seed=i).to(dtype) + i for i in (1, 0))
    x = x.requires_grad_()
    found = norm(x)
    found.backward(upstream)
    of_x, of_weight, of_bias = gradients(norm, x, upstream)
    assert found.dtype == dtype
    assert relative_error(found, formula(x.double(), norm.weight.double(), norm.bias.double())) < 4e-3
    assert relative_error(x.grad, of_x) < 6e-3
    assert relative_error(norm.weight.grad, of_weight) < 1e-2
    assert relative_error(norm.bias.grad, of_bias) < 6e-3
    with torch.no_grad():
        assert relative_error(norm(x), found.detach().double()) < 1e-2


def test_sums_are_not_rounded_under_autocast() -> None:
    norm, x, upstream = random_norm(40), randoms(1, 40, 9, 9).requires_grad_(), randoms(1, 40, 9, 9, seed=3)
    with torch.autocast("cpu", torch.bfloat16):
        norm(x).backward(upstream)
    _, _, of_bias = gradients(norm, x, upstream)
    assert relative_error(norm.bias.grad, of_bias) < 1e-5


def test_channels_last_is_kept() -> None:
    x = randoms(2, 8, 6, 5).contiguous(memory_format=torch.channels_last)
    norm, block = InstanceNorm(8), Residual(8).to(memory_format=torch.channels_last)
    for module in (norm, block):
        with torch.no_grad():
            assert module(x).is_contiguous(memory_format=torch.channels_last)
        given = x.clone().requires_grad_()
        found = module(given)
        found.square().sum().backward()
        assert found.is_contiguous(memory_format=torch.channels_last)
        assert given.grad is not None
        assert given.grad.is_contiguous(memory_format=torch.channels_last)


def test_instance_norm_of_flat_channels_and_single_pixels() -> None:
    norm = random_norm(3)
    for x in (torch.full((2, 3, 4, 4), 0.25), randoms(2, 3, 1, 1)):
        given = x.requires_grad_()
        found = norm(given)
        found.sum().backward()
        expected = norm.bias.view(1, 3, 1, 1).expand(found.shape)
        torch.testing.assert_close(found, expected, rtol=0, atol=3e-4)  # rounding, times 1 / sqrt(epsilon)
        assert given.grad is not None
        assert bool(given.grad.isfinite().all())


def test_second_derivatives_are_refused() -> None:
    x = randoms(1, 3, 4, 4).requires_grad_()
    (first,) = torch.autograd.grad(InstanceNorm(3)(x).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()


def test_instance_norm_takes_published_weights() -> None:
    published, norm = nn.InstanceNorm2d(6, affine=True), random_norm(6)
    published.load_state_dict(norm.state_dict())
    x = randoms(2, 6, 9, 8)
    torch.testing.assert_close(norm(x), published(x))


@pytest.mark.parametrize("kernel", [1, 3, 9])
def test_convolution_shows_no_frame(kernel: int) -> None:
    flat = Convolution(3, 2, kernel)(torch.full((1, 3, 10, 12), 0.3))
    assert flat.shape == (1, 2, 10, 12)
    assert (flat - flat[..., :1, :1]).abs().max() < 1e-5


def test_convolution_reflects() -> None:
    layer, x = Convolution(3, 4), randoms(1, 3, 6, 7)
    expected = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), layer.conv2d.weight, layer.conv2d.bias)
    torch.testing.assert_close(layer(x), expected)


@pytest.mark.parametrize(("height", "width"), [(8, 6), (2, 10)])
def test_convolution_with_a_stride_divides_even_sides(height: int, width: int) -> None:
    assert Convolution(3, 4, stride=2)(randoms(1, 3, height, width)).shape == (1, 4, height // 2, width // 2)


def test_normed_convolution() -> None:
    layer, x = NormedConvolution(3, 5), randoms(1, 3, 6, 7)
    normed = F.instance_norm(layer.convolution(x))
    torch.testing.assert_close(layer(x), normed.clamp(min=0), atol=1e-5, rtol=1e-5)
    layer.activate = False
    torch.testing.assert_close(layer(x), normed, atol=1e-5, rtol=1e-5)
    assert layer.convolution.conv2d.bias is None


def test_residual_of_nothing_is_the_identity() -> None:
    block, x = Residual(4), randoms(1, 4, 5, 5)
    nn.init.zeros_(block.second.norm.weight)
    torch.testing.assert_close(block(x), x)
    nn.init.ones_(block.second.norm.weight)
    torch.testing.assert_close(block(x) - x, block.second(block.first(x)), atol=1e-5, rtol=1e-5)


def test_enlarge_repeats_pixels() -> None:
    x = randoms(1, 2, 3, 4)
    assert torch.equal(enlarge(x), x.repeat_interleave(2, 2).repeat_interleave(2, 3))
    assert enlarge(x, 4).shape == (1, 2, 12, 16)


def test_grain_adds_nothing_until_it_has_learned_to() -> None:
    x = torch.rand(2, 4, 9, 11)
    grain = NoiseInjection(4, 7)
    assert torch.equal(grain(x), x)
    grain(x).square().sum().backward()
    assert grain.scale.grad is not None and bool((grain.scale.grad != 0).all())


def test_grain_is_normal_noise_fixed_in_place() -> None:
    grain = NoiseInjection(2, 31)
    with torch.no_grad():
        grain.scale.copy_(torch.tensor([1.0, 0.5]))
        noise = grain(torch.zeros(1, 2, 62, 40))
        assert torch.equal(noise, grain(torch.zeros(1, 2, 62, 40)))
        assert torch.equal(noise[..., :20, :], grain(torch.zeros(1, 2, 20, 40)))
    assert torch.equal(noise[:, :, :31], noise[:, :, 31:])
    assert torch.allclose(noise[:, 1], 0.5 * noise[:, 0])
    assert float(noise[:, 0, :31, :31].mean()) == pytest.approx(0, abs=0.1)
    assert float(noise[:, 0, :31, :31].std()) == pytest.approx(1, abs=0.1)


def test_grain_is_no_part_of_the_weights() -> None:
    assert list(NoiseInjection(2, 31).state_dict()) == ["scale"]

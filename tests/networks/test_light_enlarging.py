"""Convolutions of the small image against enlarging first, as the literature has it, in float64."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.networks.light import Enlarging, EnlargingConvolution, SquareBlur

SIZES = [(5, 7), (1, 1), (2, 1), (16, 9)]


def layer(dtype: torch.dtype = torch.float64) -> EnlargingConvolution:
    return EnlargingConvolution(3, 5).to(dtype)


def enlarged_first(convolution: EnlargingConvolution, x: Tensor) -> Tensor:
    large = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
    padded = F.pad(large, (1, 1, 1, 1), mode="replicate")
    return F.conv2d(padded, convolution.conv2d.weight, convolution.conv2d.bias)


@pytest.mark.parametrize("size", SIZES)
def test_it_is_a_convolution_of_the_enlarged_image(size: tuple[int, int]) -> None:
    convolution, x = layer(), torch.randn(2, 3, *size, dtype=torch.float64)
    found = convolution(x)
    assert found.shape == (2, 5, 2 * size[0], 2 * size[1])
    torch.testing.assert_close(found, enlarged_first(convolution, x), atol=1e-12, rtol=0)


def test_its_weights_learn_as_those_of_the_convolution() -> None:
    convolution, x = layer(), torch.randn(2, 3, 6, 5, dtype=torch.float64, requires_grad=True)
    learned = [x, *convolution.parameters()]
    assert [name for name, _ in convolution.named_parameters()] == ["conv2d.weight", "conv2d.bias"]
    up = torch.randn(2, 5, 12, 10, dtype=torch.float64)
    found = torch.autograd.grad((convolution(x) * up).sum(), learned)
    expected = torch.autograd.grad((enlarged_first(convolution, x) * up).sum(), learned)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-11, rtol=0)


def test_with_kernels_that_no_longer_change() -> None:
    convolution, x = layer(torch.float32), torch.randn(1, 3, 6, 5)
    fixed = Enlarging(convolution)
    before = convolution(x)
    assert torch.equal(fixed(x), before)
    assert not any(parameter.requires_grad for parameter in fixed.parameters())
    with torch.no_grad():
        convolution.conv2d.weight.mul_(2)
    assert torch.equal(fixed(x), before)
    assert not torch.equal(convolution(x), before)


def test_kernels_are_tied_in_full_precision() -> None:
    """Rounded is the result, not the way to it: in half precision, and under autocast."""
    convolution = layer(torch.float32)
    exact = layer()
    exact.load_state_dict(convolution.state_dict())
    expected = exact.kernels()[0]
    with torch.autocast("cpu", torch.bfloat16):
        found = convolution.kernels()[0]
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), expected, atol=1e-7, rtol=0)
    half = convolution.to(torch.bfloat16)
    exact.load_state_dict(half.state_dict())
    found = half.kernels()[0]
    torch.testing.assert_close(found.double(), exact.kernels()[0], atol=1e-7, rtol=0)
    x = torch.randn(1, 3, 6, 5)
    painted = half(x.bfloat16())
    assert painted.dtype == torch.bfloat16
    torch.testing.assert_close(painted.double(), exact(x.bfloat16().double()), atol=0.03, rtol=0.02)


@pytest.mark.parametrize("size", SIZES[:1] + SIZES[2:])
def test_the_blur_of_squares_is_that_of_their_image(size: tuple[int, int]) -> None:
    x = torch.randn(2, 12, *size, dtype=torch.float64)
    blur = SquareBlur(3, factor=0.5, shift=0.25).to(torch.float64)
    line = torch.tensor([1.0, 2.0, 1.0], dtype=torch.float64) / 4
    kernel = (line[:, None] * line).expand(3, 1, 3, 3)
    padded = F.pad(F.pixel_shuffle(x, 2), (1, 1, 1, 1), mode="reflect")
    expected = 0.5 * F.conv2d(padded, kernel, groups=3) + 0.25
    torch.testing.assert_close(blur(x), expected, atol=1e-12, rtol=0)


def test_the_blur_is_no_part_of_the_weights() -> None:
    """So networks that are built without weights, to be given some, have it all the same."""
    with torch.device("meta"):
        blur = SquareBlur(3, factor=1.0, shift=0.5)
    assert blur.state_dict() == {}
    torch.testing.assert_close(blur(torch.ones(1, 12, 2, 2)), torch.full((1, 3, 4, 4), 1.5))

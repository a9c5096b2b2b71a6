"""Twofold enlarging by convolutions of the small image: nothing is computed at twice the size but the result.

A square is what one pixel of the small image becomes, 2 x 2 pixels. As channels they are in the order of
`pixel_shuffle`: for each channel of the large image the upper two, then the lower two.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from impasto.networks.blocks import Convolution


class EnlargingConvolution(Convolution):
    """A convolution of the image enlarged twofold, bilinearly. Borders are repeated.

    A pixel of the large image is a mean of two small ones across and down, so three of the large are a mean
    of three small ones: each of the four pixels of a square is a convolution of the small image, by kernels
    that follow from the one that is learned (sub-pixel convolution, Shi et al. 2016, with tied kernels).
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.kernels()
        return _squares(x, weight.to(x.dtype), bias.to(x.dtype))

    def kernels(self) -> tuple[Tensor, Tensor]:
        """Of the small image, in float32 at least: weight (4 outputs, inputs, 3, 3) and bias (4 outputs,)."""
        weight, bias = self.conv2d.weight, self.conv2d.bias
        assert bias is not None
        exact = torch.promote_types(weight.dtype, torch.float32)
        with torch.autocast(weight.device.type, enabled=False):
            spread = _TAPS.to(weight.device, exact)
            tied = torch.tensordot(weight.to(exact).flatten(2), spread, 1)  # outputs, inputs, 4, 9
        return tied.movedim(2, 1).reshape(-1, weight.shape[1], 3, 3), bias.repeat_interleave(4)


class Enlarging(nn.Module):
    """An `EnlargingConvolution` with its kernels computed once."""

    def __init__(self, origin: EnlargingConvolution) -> None:
        super().__init__()
        weight, bias = origin.kernels()
        self.weight = nn.Parameter(weight.detach(), requires_grad=False)
        self.bias = nn.Parameter(bias.detach(), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        return _squares(x, self.weight, self.bias)


class SquareBlur(nn.Module):
    """Squares as channels to the image that they are, blurred by [1 2 1] / 4 across and down, which leaves
    nothing of a grid of single pixels; then multiplied and shifted.

    Reflected at the border: what is outside of it is in the square at it.
    """

    kernel: Tensor
    shift: Tensor

    def __init__(self, channels: int, factor: float, shift: float) -> None:
        super().__init__()
        kernel = torch.zeros(channels, 4, channels, 4, 9, device="cpu")  # even among weights on "meta"
        for channel in range(channels):
            kernel[channel, :, channel] = factor * _BLUR
        self.register_buffer("kernel", kernel.view(4 * channels, 4 * channels, 3, 3), persistent=False)
        self.register_buffer("shift", torch.full((4 * channels,), shift, device="cpu"), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 4 channels, H, W) -> (N, channels, 2 H, 2 W)"""
        return _squares(x, self.kernel.to(x.dtype), self.shift.to(x.dtype))


def _squares(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return F.pixel_shuffle(F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), weight, bias), 2)


def _bilinear_taps() -> Tensor:
    """(9, 4, 9) float64: how far a tap of the large image's kernel counts, for each pixel of a square, as one
    of the small image's.
    """
    line = torch.zeros(3, 2, 3, dtype=torch.float64)
    for tap in range(3):
        for pixel in range(2):
            place, half = divmod(pixel + tap - 1, 2)  # which is 3/4 this small pixel, 1/4 its neighbour
            line[tap, pixel, 1 + place] += 0.75
            line[tap, pixel, 1 + place + (1 if half else -1)] += 0.25
    return torch.einsum("apx,bqy->abpqxy", line, line).reshape(9, 4, 9)


def _blur_taps() -> Tensor:
    """(4, 4, 9): how far each pixel of a square, there and in the eight around it, counts for each of one."""
    line = torch.zeros(2, 2, 3)
    for pixel in range(2):
        for away, share in ((-1, 0.25), (0, 0.5), (1, 0.25)):
            place, other = divmod(pixel + away, 2)
            line[pixel, other, 1 + place] += share
    return torch.einsum("pax,qby->pqabxy", line, line).reshape(4, 4, 9)


_TAPS = _bilinear_taps()
_BLUR = _blur_taps()

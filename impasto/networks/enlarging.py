"""Enlarge twofold by convolutions of the small image: only the result has the large size.

A *square* is the 2 x 2 pixels of the large image that one pixel of the small image becomes. Squares are
stored as channels in the order of `pixel_shuffle`: for each channel of the large image the upper two, then
the lower two.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from impasto.networks.blocks import Convolution


class EnlargingConvolution(Convolution):
    """Convolution of the image after bilinear twofold enlargement. Border pixels are repeated.

    A pixel of the large image is a weighted mean of two small pixels in each direction, so three large pixels
    depend on three small pixels: each of the four pixels of a square is a convolution of the small image,
        with
    a kernel computed from the learned kernel (sub-pixel convolution, Shi et al. 2016, with tied kernels).
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Enlarge and convolve (N, inputs, H, W) to (N, outputs, 2 H, 2 W)."""
        weight, bias = self.kernels()
        return _squares(x, weight.to(x.dtype), bias.to(x.dtype))

    def kernels(self) -> tuple[Tensor, Tensor]:
        """Kernels for the small image: weight (4 outputs, inputs, 3, 3), bias (4 outputs,), in float32."""
        weight, bias = self.conv2d.weight, self.conv2d.bias
        assert bias is not None
        exact = torch.promote_types(weight.dtype, torch.float32)
        with torch.autocast(weight.device.type, enabled=False):
            spread = _TAPS.to(weight.device, exact)
            tied = torch.tensordot(weight.to(exact).flatten(2), spread, 1)  # outputs, inputs, 4, 9
        return tied.movedim(2, 1).reshape(-1, weight.shape[1], 3, 3), bias.repeat_interleave(4)


class Enlarging(nn.Module):
    """`EnlargingConvolution` with kernels computed in advance."""

    def __init__(self, origin: EnlargingConvolution) -> None:
        super().__init__()
        weight, bias = origin.kernels()
        self.weight = nn.Parameter(weight.detach(), requires_grad=False)
        self.bias = nn.Parameter(bias.detach(), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """Enlarge and convolve (N, inputs, H, W) to (N, outputs, 2 H, 2 W)."""
        return _squares(x, self.weight, self.bias)


class SquareBlur(nn.Module):
    """Rearrange squares from channels to pixels, blur by [1 2 1] / 4 across and down, multiply and shift.

    The blur removes a grid of single pixels completely. Borders are reflected: the reflected pixel lies in
    the square at the border.
    """

    kernel: Tensor
    shift: Tensor

    def __init__(self, channels: int, factor: float, shift: float) -> None:
        super().__init__()
        kernel = torch.zeros(channels, 4, channels, 4, 9, device="cpu")  # even if weights are on "meta"
        for channel in range(channels):
            kernel[channel, :, channel] = factor * _BLUR
        self.register_buffer("kernel", kernel.view(4 * channels, 4 * channels, 3, 3), persistent=False)
        self.register_buffer("shift", torch.full((4 * channels,), shift, device="cpu"), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Rearrange and blur squares: (N, 4 channels, H, W) to (N, channels, 2 H, 2 W)."""
        return _squares(x, self.kernel.to(x.dtype), self.shift.to(x.dtype))


def _squares(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return F.pixel_shuffle(F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), weight, bias), 2)


def _bilinear_taps() -> Tensor:
    """Weights that turn a kernel of the large image into kernels of the small image, (9, 4, 9) float64.

    Axes: tap of the large kernel, pixel of the square, tap of the small kernel.
    """
    line = torch.zeros(3, 2, 3, dtype=torch.float64)
    for tap in range(3):
        for pixel in range(2):
            place, half = divmod(pixel + tap - 1, 2)  # 3/4 of this small pixel and 1/4 of its neighbor
            line[tap, pixel, 1 + place] += 0.75
            line[tap, pixel, 1 + place + (1 if half else -1)] += 0.25
    return torch.einsum("apx,bqy->abpqxy", line, line).reshape(9, 4, 9)


def _blur_taps() -> Tensor:
    """Weights of the blur, (4, 4, 9): pixel of the square, pixel of the source square, source square."""
    line = torch.zeros(2, 2, 3)
    for pixel in range(2):
        for away, share in ((-1, 0.25), (0, 0.5), (1, 0.25)):
            place, other = divmod(pixel + away, 2)
            line[pixel, other, 1 + place] += share
    return torch.einsum("pax,qby->pqabxy", line, line).reshape(4, 4, 9)


_TAPS = _bilinear_taps()
_BLUR = _blur_taps()

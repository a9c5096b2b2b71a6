"""Default style network: nearly all computation is at a quarter and an eighth of the resolution.

Squares: enlarging twofold is a convolution of the small image, and only its result has the large size. A
*square* is the 2 x 2 pixels of the large image that one pixel of the small image becomes. Squares are stored
as channels in the order of `pixel_shuffle`: for each channel of the large image the upper two, then the lower
two.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from impasto.networks.base import StyleNetwork, whole_numbers
from impasto.networks.blocks import (
    WHOLE,
    Context,
    Convolution,
    NoiseInjection,
    NormedConvolution,
    Residual,
    Stack,
)

_PERIODS = (
    127,
    61,
)  # of the noise at 1/4 and 1/8 of the resolution: primes, whose combination rarely repeats


class Light(StyleNetwork):
    """Residual network on folded pixels: a skip at 1/4 of the resolution around a body at 1/8.

    Pixels are folded to a quarter of the resolution, where a skip keeps the photo's drawing. The body's
    residual blocks work at an eighth of the resolution, have a large receptive field, and make the strokes.

    Norms are in the residual branches only. The main path from the pixels to the picture has no norm, so that
    a primed network, which reproduces its input, keeps the input's brightness and contrast.

    Enlarging up to half the resolution is bilinear, with convolutions afterwards; both are computed in one
    step. The last convolution gives each 2 x 2 square at once. Its four pixels start equal (ICNR, Aitken et
    al. 2017), and a blur that removes exactly the finest grid follows (Sugawara et al. 2019), so that no
    checkerboard can be learned.

    Args:
        channels: channels at a quarter and at an eighth of the resolution.
        blocks: number of residual blocks before, in and after the body.
        last_channels: channels at half the resolution.
    """

    name = "light"
    multiple = 8
    least_side = 16

    def __init__(
        self,
        channels: Sequence[int] = (40, 64),
        blocks: Sequence[int] = (1, 3, 2),
        last_channels: int = 16,
    ) -> None:
        super().__init__()
        outer, inner = whole_numbers("channels", channels, count=[2])
        before, within, after = whole_numbers("blocks", blocks, count=[3], least=0, most=100)
        (last_channels,) = whole_numbers("last_channels", [last_channels])
        self.config = {
            "channels": [outer, inner],
            "blocks": [before, within, after],
            "last_channels": last_channels,
        }
        self.first = Convolution(3 * 4 * 4, outer)
        self.head = _residuals(outer, before)
        self.grain = NoiseInjection(outer, _PERIODS[0])
        self.down = NormedConvolution(outer, inner, stride=2)
        self.coarse_grain = NoiseInjection(inner, _PERIODS[1])
        self.body = _residuals(inner, within)
        self.up = EnlargingConvolution(inner, outer)
        self.tail = _residuals(outer, after)
        self.fine = EnlargingConvolution(outer, last_channels)
        self.last = Convolution(last_channels, 3 * 2 * 2)
        self.blur = SquareBlur(3, factor=0.5, shift=0.5)  # from [-1, 1] to [0, 1]
        _start_equal(self.last.conv2d)

    def paint(self, image: Tensor, context: Context = WHOLE) -> Tensor:
        """Stylize an image whose sides are multiples of `multiple`."""
        folded = F.pixel_unshuffle(image, 4).mul_(2).sub_(1)
        quarter = self.grain(self.head(F.relu_(self.first(folded)), context), context)
        eighth = self.coarse_grain(self.down(quarter, context), context)
        seen = self.up(self.body(eighth, context))
        fine = F.relu_(self.fine(self.tail(seen.add_(quarter), context)))
        painted: Tensor = self.blur(self.last(fine))
        return painted


def _residuals(channels: int, count: int) -> Stack:
    return Stack(*(Residual(channels) for _ in range(count)))


@torch.no_grad()
def _start_equal(layer: nn.Conv2d) -> None:
    """Give the four pixels of a square equal weights: pixel_shuffle takes them from adjacent channels."""
    layer.weight.copy_(layer.weight[::4].repeat_interleave(4, 0))
    assert layer.bias is not None
    layer.bias.copy_(layer.bias[::4].repeat_interleave(4, 0))


class EnlargingConvolution(Convolution):
    """Convolution of the image after bilinear twofold enlargement. Border pixels are repeated.

    A pixel of the large image is a weighted mean of two small pixels in each direction, so three large pixels
    depend on three small pixels: each of the four pixels of a square is a convolution of the small image,
    with a kernel computed from the learned kernel (sub-pixel convolution, Shi et al. 2016, with tied
    kernels).
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

"""Default style network: nearly all computation is at a quarter and an eighth of the resolution."""

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
from impasto.networks.enlarging import EnlargingConvolution, SquareBlur

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

"""Classic encoder and decoder: max pooling in the encoder, transposed convolutions in the decoder."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from impasto.networks.base import StyleNetwork, whole_numbers
from impasto.networks.blocks import (
    WHOLE,
    Context,
    Convolution,
    InstanceNorm,
    NormedConvolution,
    Residual,
    Stack,
)


class EncoderDecoder(StyleNetwork):
    """Encoder, residual blocks and decoder, with an instance norm after every layer but the last.

    Each halving is a convolution and a max pooling, each doubling a transposed convolution.

    Args:
        channels: channels at the full resolution, at half of it, and so on; two numbers at least.
        blocks: number of residual blocks at the lowest resolution.
    """

    name = "encoder_decoder"

    def __init__(self, channels: Sequence[int] = (32, 64, 128), blocks: int = 3) -> None:
        super().__init__()
        widths = whole_numbers("channels", channels, count=range(2, 8))
        (blocks,) = whole_numbers("blocks", [blocks], least=0, most=100)
        self.config = {"channels": widths, "blocks": blocks}
        self.multiple = 2 ** (len(widths) - 1)
        self.least_side = 2 * self.multiple
        self.first = NormedConvolution(3, widths[0])
        self.down = nn.ModuleList(NormedConvolution(*pair) for pair in pairwise(widths))
        self.body = Stack(*(Residual(widths[-1]) for _ in range(blocks)))
        self.up = nn.ModuleList(NormedDoubling(*pair) for pair in pairwise(widths[::-1]))
        self.last = Convolution(widths[0], 3)

    def paint(self, image: Tensor, context: Context = WHOLE) -> Tensor:
        """Stylize an image whose sides are multiples of `multiple`."""
        x = self.first(2 * image - 1, context)
        for down in self.down:
            x = down(F.max_pool2d(x, 2), context)
        x = self.body(x, context)
        for up in self.up:
            x = up(x, context)
        painted: Tensor = self.last(x)
        return 0.5 + 0.5 * painted


class NormedDoubling(nn.Module):
    """Transposed convolution to twice the size, instance norm and ReLU.

    The kernel of 4 at a stride of 2 covers every pixel equally often (Odena et al. 2016), also at the
    borders: these are reflected, and the part outside of the image is cut off.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.convolution = nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=3, bias=False)
        self.norm = InstanceNorm(outputs)
        _start_mirrored(self.convolution)

    def forward(self, x: Tensor, context: Context = WHOLE) -> Tensor:
        """Double the size of (N, inputs, H, W), normalize and activate."""
        x = F.pad(x, (1, 1, 1, 1), mode="reflect")
        return F.relu(context.norm(self.norm, self.convolution(x)))


@torch.no_grad()
def _start_mirrored(layer: nn.ConvTranspose2d) -> None:
    """Initialize kernels as their own mirror images, so that flat areas start without a grid."""
    for side in (2, 3):
        layer.weight.copy_((layer.weight + layer.weight.flip(side)) / 2**0.5)

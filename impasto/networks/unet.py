"""U-Net without its longest skip, through which it would copy the photo."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from impasto.networks.base import StyleNetwork, whole_numbers
from impasto.networks.blocks import WHOLE, Context, Convolution, NormedConvolution, Stack, enlarge


class UNet(StyleNetwork):
    """U-Net of Ronneberger et al. 2015 with instance norm, and convolutions after nearest-neighbor enlarging.

    Level 1 has the full resolution, each further level half the resolution of the level before, and the
    bottom is below the last level. A skip passes the features of a level's encoder directly to its decoder.
    Without the skip of level 1, details of single pixels reach the picture only through the lower levels,
    which must then paint them.

    Args:
        width: channels at the full resolution; doubled at each level.
        depth: number of levels above the bottom, 1 to 6.
        skips: levels that have a skip.
    """

    name = "unet"

    def __init__(self, width: int = 16, depth: int = 4, skips: Sequence[int] = (2, 3, 4)) -> None:
        super().__init__()
        (width,) = whole_numbers("width", [width])
        (depth,) = whole_numbers("depth", [depth], most=6)
        self.skips = _levels(skips, depth)
        self.config = {"width": width, "depth": depth, "skips": self.skips}
        self.multiple = 2**depth
        self.least_side = 2 * self.multiple
        levels = range(1, depth + 1)
        inputs = {1: 3} | {level: width << level - 2 for level in levels[1:]}
        self.encoders = nn.ModuleList(_doubled(inputs[level], width << level - 1) for level in levels)
        self.bottom = _doubled(width << depth - 1, width << depth)
        self.decoders = nn.ModuleList(
            Decoder(width << level, width << level - 1, skipped=level in self.skips) for level in levels
        )
        self.last = Convolution(width, 3)

    def paint(self, image: Tensor, context: Context = WHOLE) -> Tensor:
        """Stylize an image whose sides are multiples of `multiple`."""
        x = 2 * image - 1
        seen = []
        for encoder in self.encoders:
            seen.append(encoder(x, context))
            x = F.max_pool2d(seen[-1], 2)
        x = self.bottom(x, context)
        for decoder in reversed(self.decoders):
            x = decoder(x, seen.pop(), context)
        painted: Tensor = self.last(x)
        return 0.5 + 0.5 * painted


class Decoder(nn.Module):
    """Decode (N, inputs, h, w) and the encoder's features, (N, outputs, 2h, 2w), to (N, outputs, 2h, 2w)."""

    def __init__(self, inputs: int, outputs: int, *, skipped: bool) -> None:
        super().__init__()
        self.skipped = skipped
        self.up = NormedConvolution(inputs, outputs)
        self.convolutions = _doubled(2 * outputs if skipped else outputs, outputs)

    def forward(self, x: Tensor, seen: Tensor, context: Context = WHOLE) -> Tensor:
        """Enlarge x, append the encoder's features `seen` if the level has a skip, and convolve."""
        x = self.up(enlarge(x), context)
        result: Tensor = self.convolutions(torch.cat([x, seen], 1) if self.skipped else x, context)
        return result


def _doubled(inputs: int, outputs: int) -> Stack:
    return Stack(NormedConvolution(inputs, outputs), NormedConvolution(outputs, outputs))


def _levels(skips: Sequence[int], depth: int) -> list[int]:
    levels = sorted(whole_numbers("skips", skips, count=range(depth + 1), most=depth))
    if len(set(levels)) < len(levels):
        raise ValueError(f"skips {levels} name a level twice")
    return levels

"""Estimate the memory of a painting before it starts, and choose tiles that make it fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import torch

from impasto.backbones import Backbone
from impasto.device import cuda_libraries
from impasto.errors import MemoryLimitError
from impasto.imaging.geometry import fit_long_side
from impasto.losses import SIMILARITIES
from impasto.options import SUMMED
from impasto.painting.options import PaintOptions
from impasto.painting.solver import kept_pairs
from impasto.painting.tiles import cut, reach
from impasto.perception import resolve_layers

LIBRARIES = (300 << 20) + cuda_libraries()  # bytes that Python and torch take
_SIDES = (1024, 512, 256)  # pixels; what surrounds a tile adds a third to the first, and 160 % to the last
_LEAST_SIDE = 64  # pixels; no advice to paint smaller
_MARGIN = 1.15  # convolutions have buffers of their own, and allocators round up
_WEIGHTED = 9  # bytes for each number at a style layer, and each region that weighs it
_COMPARED = {"sliced": 22, "nearest": 32}  # the same for losses that are of positions: sorted, or matched
_SIMILARITIES = 3 * 4 * SIMILARITIES  # bytes of those that are computed at a time


@dataclass(frozen=True)
class Memory:
    """Memory model of painting, beyond libraries and inputs, with `available` bytes to fit in.

    `dtype` is the precision of the convolutions, `regions` how many masks there are.
    """

    backbone: Backbone
    options: PaintOptions
    dtype: torch.dtype
    available: int
    regions: int = 0

    def tile(self, size: tuple[int, int], iterations: int) -> int | None:
        """The side of the tiles at a scale, or None: as asked for, or the largest that fits."""
        asked = self.options.tile
        if asked != "auto":
            return None if asked == "off" else int(asked)
        if self.options.style_loss not in SUMMED:
            return None
        sides = (None, *_SIDES)
        return next((s for s in sides if self.at_scale(size, iterations, s) <= self.available), sides[-1])

    def needed(self, size: tuple[int, int], iterations: int) -> int:
        """Peak bytes at a scale, in the tiles that it gets."""
        return self.at_scale(size, iterations, self.tile(size, iterations))

    def at_scale(self, size: tuple[int, int], iterations: int, tile: int | None) -> int:
        """Peak bytes at a scale. The larger of two moments counts: encoding a picture, and a gradient.

        A style is taken to be square. A gradient is taken while the iterate before, its gradient, the new
        image and the sum over the tiles are there, and the pairs of L-BFGS or the averages of Adam.
        """
        image, content, adam = _image(size), self._content(size), self.options.optimizer == "adam"
        solver = (6 if adam else 4) * image + (0 if adam else _pairs(size, iterations))
        side = max(1, round(max(size) * self.options.stroke_size))
        encoding = max(3 * _image(seen) + self._activations(seen, tile)[1] for seen in (size, (side, side)))
        return content + max(encoding, solver + self._activations(size, tile)[0])

    def pixels(self, size: tuple[int, int], iterations: int) -> float:
        """A gradient's cost, in pixels of one that is taken whole: tiles overlap, and have one pass more."""
        tiles = cut(size, self.tile(size, iterations), *self._reach())
        passes = 4 / 3 if len(tiles) > 1 else 1  # the way back takes as long as two passes
        return passes * sum(prod(tile.seen) for tile in tiles)

    def check(self, size: tuple[int, int], iterations: int) -> None:
        """Raise MemoryLimitError, with what would help, if the last scale needs more than there is."""
        needed = self.needed(size, iterations)
        if needed <= self.available:
            return
        raise MemoryLimitError(
            f"painting at {max(size)} pixels needs about {(needed + LIBRARIES) / 2**30:.1f} GB of memory and "
            f"{self.available / 2**30:.1f} GB are free: {self._advice(size, iterations)}"
        )

    def _advice(self, size: tuple[int, int], iterations: int) -> str:
        smallest = min(self.at_scale(size, iterations, side) for side in _SIDES)
        has_tiles = self.options.style_loss in SUMMED
        if has_tiles and self.options.tile != "auto" and smallest <= self.available:
            return "try tile=auto"
        side = max(size)
        while side >= _LEAST_SIDE and self.needed(fit_long_side(size, side), iterations) > self.available:
            side = int(side * 0.9)
        return f"try size={side}" if side >= _LEAST_SIDE else "close other programs"

    def _content(self, size: tuple[int, int]) -> int:
        """Bytes of the photo's features, which are kept for a scale."""
        return self._element() * sum(values for name, values in self._values(size) if name in self._seen()[0])

    def _activations(self, size: tuple[int, int], tile: int | None) -> tuple[int, int]:
        """Bytes for a gradient, and for encoding alone, of the largest window of a picture of this size.

        For a gradient all outputs of convolutions and poolings are kept and, for max pooling, the places of
        the maxima, in eight bytes each; L2 pooling, which squares its input, takes as much for a while.
        Memory peaks as the backward pass starts, when every activation that is compared has a gradient, too.
        """
        tiles = cut(size, tile, *self._reach())
        window = max((tile.seen for tile in tiles), key=prod)
        (content, style), element = self._seen(), self._element()
        kept, looked_at, raised = 3 * prod(window) * (4 + element), 0, 0
        for name, values in self._values(window):
            kept += self._kept(name, values)
            kept += 16 * values * (name in content)  # a difference, in the teacher's channels too; gradients
            looked_at += element * values * (name in style)
            kept += self._compared(values) if name in style else 0
            raised = max(raised, 4 * values * (name in style))
        kept += _SIMILARITIES * (self.options.style_loss == "nearest")
        cropping = 2 * looked_at if len(tiles) > 1 else 0
        return round(_MARGIN * (kept + looked_at + cropping)), round(_MARGIN * (looked_at + raised))

    def _compared(self, values: int) -> int:
        """Bytes that comparing these numbers of a layer takes beside them."""
        if self.options.style_loss in SUMMED:
            return _WEIGHTED * self.regions * values
        return _COMPARED[self.options.style_loss] * values

    def _kept(self, name: str, values: int) -> int:
        if name.startswith("pool"):
            return values * (self._element() + 8 * (self.options.pooling != "average"))
        in_place = name.startswith("relu") and name.replace("relu", "conv") not in set().union(*self._seen())
        return 0 if in_place else values * self._element()

    def _values(self, size: tuple[int, int]) -> Iterator[tuple[str, int]]:
        """The steps of the backbone, and of how many numbers the result of each consists."""
        channels, (height, width) = 3, size
        for name in self.backbone.path_to(set().union(*self._seen())):
            if name.startswith("pool"):
                height, width = height // 2, width // 2
            elif name.startswith("conv"):
                channels = self.backbone.width_of(name)
            yield name, channels * height * width

    def _seen(self) -> tuple[set[str], set[str]]:
        """The layers that are looked at for the content and for the style."""
        content, style = resolve_layers(self.backbone, self.options.content_layers, self.options.style_layers)
        content_weight, style_weight, _ = self.options.weights
        return {k for k, _ in content if content_weight > 0}, {k for k, _ in style if style_weight > 0}

    def _reach(self) -> tuple[int, int]:
        return reach(self.backbone, set().union(*self._seen()))

    def _element(self) -> int:
        return 2 if self.dtype == torch.bfloat16 else 4


def _image(size: tuple[int, int]) -> int:
    return 4 * 3 * prod(size)


def _pairs(size: tuple[int, int], iterations: int) -> int:
    """Bytes of the pairs that L-BFGS has at the last gradient: it has learned from all but two before."""
    numbers = 3 * prod(size)
    most, dtype = kept_pairs(numbers, torch.float32)
    return min(most, max(0, iterations - 2)) * 2 * numbers * dtype.itemsize

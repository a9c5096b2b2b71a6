"""Estimate the memory of a painting before it starts, and choose tiles that make it fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import torch

from impasto.backbones import Backbone
from impasto.device import cuda_libraries, memory_error
from impasto.imaging.geometry import fit_long_side
from impasto.losses import SIMILARITIES
from impasto.options import SUMMED
from impasto.painting.options import PaintOptions
from impasto.painting.solver import kept_pairs
from impasto.painting.tiles import cut, reach
from impasto.perception import resolve_layers

LIBRARIES = (300 << 20) + cuda_libraries()  # bytes that Python and torch use
_SIDES = (1024, 512, 256)  # pixels; the margin around a tile adds a third to the first, and 160 % to the last
_LEAST_SIDE = 64  # pixels; the error message suggests no smaller size
_MARGIN = 1.15  # for buffers of convolutions, and for allocators, which round up
_WEIGHTED = 9  # bytes for each value at a style layer, for each region that weights it
_COMPARED = {"sliced": 22, "nearest": 32}  # bytes for each value, for losses that sort or match positions
_SIMILARITIES = 3 * 4 * SIMILARITIES  # bytes of the similarities that are computed at a time


@dataclass(frozen=True)
class Memory:
    """Memory model of painting, without libraries and inputs; `available` is the limit in bytes.

    `dtype` is the precision of the convolutions, `regions` the number of masks.
    """

    backbone: Backbone
    options: PaintOptions
    dtype: torch.dtype
    available: int
    regions: int = 0

    def tile(self, size: tuple[int, int], iterations: int) -> int | None:
        """Side of the tiles at a scale: as requested, or the largest that fits; None for no tiles."""
        asked = self.options.tile
        if asked != "auto":
            return None if asked == "off" else int(asked)
        if self.options.style_loss not in SUMMED:
            return None
        sides = (None, *_SIDES)
        return next((s for s in sides if self.at_scale(size, iterations, s) <= self.available), sides[-1])

    def needed(self, size: tuple[int, int], iterations: int) -> int:
        """Peak bytes at a scale, with the tiles that `tile` chooses."""
        return self.at_scale(size, iterations, self.tile(size, iterations))

    def at_scale(self, size: tuple[int, int], iterations: int, tile: int | None) -> int:
        """Peak bytes at a scale: the larger of the peaks of encoding a picture and of a gradient.

        A style is assumed to be square. While a gradient is computed, memory also holds the previous
        iterate, its gradient, the new image, the sum over the tiles, and the pairs of L-BFGS or the averages
        of Adam.
        """
        image, content, adam = _image(size), self._content(size), self.options.optimizer == "adam"
        solver = (6 if adam else 4) * image + (0 if adam else _pairs(size, iterations))
        side = max(1, round(max(size) * self.options.stroke_size))
        encoding = max(3 * _image(seen) + self._activations(seen, tile)[1] for seen in (size, (side, side)))
        return content + max(encoding, solver + self._activations(size, tile)[0])

    def pixels(self, size: tuple[int, int], iterations: int) -> float:
        """Cost of a gradient, in pixels of a gradient without tiles: tiles overlap and need an extra pass."""
        tiles = cut(size, self.tile(size, iterations), *self._reach())
        passes = 4 / 3 if len(tiles) > 1 else 1  # the backward pass takes as long as two forward passes
        return passes * sum(prod(tile.seen) for tile in tiles)

    def check(self, size: tuple[int, int], iterations: int) -> None:
        """Raise MemoryLimitError, with advice, if the last scale needs more memory than is available."""
        needed = self.needed(size, iterations)
        if needed <= self.available:
            return
        what, advice = f"painting at {max(size)} pixels needs", self._advice(size, iterations)
        raise memory_error(what, needed + LIBRARIES, self.available, advice)

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
        """Bytes of the photo's features, which stay in memory during a scale."""
        return self._element() * sum(values for name, values in self._values(size) if name in self._seen()[0])

    def _activations(self, size: tuple[int, int], tile: int | None) -> tuple[int, int]:
        """Bytes for a gradient, and for encoding alone, of the largest window of a picture of this size.

        A gradient keeps all outputs of convolutions and poolings and, for max pooling, the positions of the
        maxima, in eight bytes each; L2 pooling, which squares its input, needs as much temporarily. Memory
        peaks at the start of the backward pass, when every compared activation also has a gradient.
        """
        tiles = cut(size, tile, *self._reach())
        window = max((tile.seen for tile in tiles), key=prod)
        (content, style), element = self._seen(), self._element()
        kept, looked_at, raised = 3 * prod(window) * (4 + element), 0, 0
        for name, values in self._values(window):
            kept += self._kept(name, values)
            kept += 16 * values * (name in content)  # differences, also in teacher's channels, and gradients
            looked_at += element * values * (name in style)
            kept += self._compared(values) if name in style else 0
            raised = max(raised, 4 * values * (name in style))
        kept += _SIMILARITIES * (self.options.style_loss == "nearest")
        cropping = 2 * looked_at if len(tiles) > 1 else 0
        return round(_MARGIN * (kept + looked_at + cropping)), round(_MARGIN * (looked_at + raised))

    def _compared(self, values: int) -> int:
        """Extra bytes that the comparison of this many values of a layer takes."""
        if self.options.style_loss in SUMMED:
            return _WEIGHTED * self.regions * values
        return _COMPARED[self.options.style_loss] * values

    def _kept(self, name: str, values: int) -> int:
        if name.startswith("pool"):
            return values * (self._element() + 8 * (self.options.pooling != "average"))
        in_place = name.startswith("relu") and name.replace("relu", "conv") not in set().union(*self._seen())
        return 0 if in_place else values * self._element()

    def _values(self, size: tuple[int, int]) -> Iterator[tuple[str, int]]:
        """Names of the backbone's steps, each with the number of values in its output."""
        channels, (height, width) = 3, size
        for name in self.backbone.path_to(set().union(*self._seen())):
            if name.startswith("pool"):
                height, width = height // 2, width // 2
            elif name.startswith("conv"):
                channels = self.backbone.width_of(name)
            yield name, channels * height * width

    def _seen(self) -> tuple[set[str], set[str]]:
        """Names of the content layers and of the style layers that are compared."""
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
    """Bytes of the pairs that L-BFGS holds at the last gradient: one for each gradient before it but two."""
    numbers = 3 * prod(size)
    most, dtype = kept_pairs(numbers, torch.float32)
    return min(most, max(0, iterations - 2)) * 2 * numbers * dtype.itemsize

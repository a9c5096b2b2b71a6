"""Compute sums over the positions of a picture, and their exact gradients, one tile after another.

The objective of a painting is a function of a few sums over positions: Gram matrices, means, squared
differences. A first pass computes the sums and keeps nothing else. A second pass runs backward through each
tile, starting from the derivative with respect to the sums, which all tiles share. Memory is that of a tile,
and the result is exact: a tile is processed in a window that is wider by the receptive field of the backbone,
so that the features of the tile's core equal those of the whole picture. Windows end at the borders of the
picture, so padding is used only there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from impasto.backbones import Backbone


@dataclass(frozen=True)
class Span:
    """One axis of a tile: core [start, end) and window [first, last), in a picture of `length` pixels.

    `start`, `first` and, except at the picture's end, `end` are multiples of the backbone's stride.
    """

    start: int
    end: int
    first: int
    last: int
    length: int

    def inside(self, stride: int) -> slice:
        """Slice of the core in the window's features, at a layer with this stride in pixels."""
        offset = self.first // stride
        return slice(self.start // stride - offset, self.end // stride - offset)

    def share(self, stride: int) -> float:
        """Fraction of the picture's features that are in the core."""
        return (self.end // stride - self.start // stride) / (self.length // stride)


@dataclass(frozen=True)
class Tile:
    """A rectangle of a picture, the core, and the larger window in which the core is processed."""

    rows: Span
    columns: Span

    @property
    def seen(self) -> tuple[int, int]:
        """(height, width) of the window."""
        return self.rows.last - self.rows.first, self.columns.last - self.columns.first

    def window(self, image: Tensor) -> Tensor:
        """View of the window in a picture (..., H, W)."""
        return image[..., self.rows.first : self.rows.last, self.columns.first : self.columns.last]

    def core(self, features: Tensor, stride: int) -> Tensor:
        """Cut the core out of features of the window, (..., h, w)."""
        return features[..., self.rows.inside(stride), self.columns.inside(stride)]

    def place(self, whole: Tensor, stride: int) -> Tensor:
        """Cut the core out of features of the whole picture, (..., h, w)."""
        rows, columns = (slice(s.start // stride, s.end // stride) for s in (self.rows, self.columns))
        return whole[..., rows, columns]

    def share(self, stride: int) -> float:
        """Fraction of the picture's positions that are in the core."""
        return self.rows.share(stride) * self.columns.share(stride)


Part = Callable[[Tensor, Tile], Sequence[Tensor]]


def strides(backbone: Backbone, layers: Collection[str]) -> dict[str, int]:
    """Stride of each layer: the distance of neighboring features, in pixels."""
    return {layer: reach(backbone, [layer])[0] for layer in layers}


def reach(backbone: Backbone, layers: Collection[str]) -> tuple[int, int]:
    """Stride of the deepest of these layers, and pixels beyond its own that a feature depends on.

    Convolutions are 3 x 3 in every backbone. Total variation depends on neighbors, which sets the minimum.
    """
    stride, pixels = 1, 0
    for name in backbone.path_to(layers):
        if name.startswith("pool"):
            stride *= 2
        elif name.startswith("conv"):
            pixels += stride
    return stride, max(1, pixels)


def cut(size: Sequence[int], side: int | None, stride: int, halo: int) -> list[Tile]:
    """Cut a picture of (height, width) into tiles of about `side` pixels; one tile if `side` is None.

    Cores cover the picture, begin at multiples of `stride`, where pooling windows begin, and have nearly
    equal sizes.
    """
    rows, columns = (_spans(length, side or length, stride, halo) for length in size)
    return [Tile(row, column) for row in rows for column in columns]


def sum_over(tiles: Sequence[Tile], part: Part, image: Tensor) -> Sequence[Tensor]:
    """Sum results of `part` over the tiles of an image (1, 3, H, W): differentiable, in one tile's memory.

    `part` takes a window and its tile and returns small tensors, each a sum over the positions in the core.
    """
    if len(tiles) == 1:
        return part(image, tiles[0])
    sums: Sequence[Tensor] = _Sum.apply(image, part, tiles)  # type: ignore[no-untyped-call]
    return sums


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, image: Tensor, part: Part, tiles: Sequence[Tile]) -> tuple[Tensor, ...]:
        ctx.save_for_backward(image)
        ctx.part, ctx.tiles = part, tiles
        sums: list[Tensor] = []
        for tile in tiles:
            parts = part(tile.window(image), tile)
            sums = [a + b for a, b in zip(sums, parts, strict=True)] if sums else [*parts]
        return tuple(sums)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (image,) = ctx.saved_tensors
        result = torch.zeros_like(image)
        for tile in ctx.tiles:
            window = tile.window(image).detach().requires_grad_()
            with torch.enable_grad():
                parts = ctx.part(window, tile)
            tile.window(result).add_(torch.autograd.grad(parts, window, gradients)[0])
        return result, None, None


def _spans(length: int, side: int, stride: int, halo: int) -> list[Span]:
    margin = ceil(halo / stride) * stride
    count = ceil(length / side)
    starts = [round(number * length / count / stride) * stride for number in range(count)]
    return [
        Span(start, end, max(0, start - margin), min(length, end + margin), length)
        for start, end in zip(starts, [*starts[1:], length], strict=True)
    ]

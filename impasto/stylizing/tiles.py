"""Pictures of any size: tiles that are painted with the same statistics join without a seam."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import product
from math import lcm, prod

import numpy as np
import torch
from torch import Tensor

from impasto.device import available_memory, ran_out_of_memory
from impasto.errors import MemoryLimitError
from impasto.imaging.bands import Samples
from impasto.imaging.encoding import quantise
from impasto.imaging.huge import Source
from impasto.networks import StyleNetwork, build
from impasto.networks.statistics import Statistics, collect, paint_part, reach
from impasto.stylizing.options import LEAST_TILE, Tile
from impasto.stylizing.stylizer import Stylizer

WHOLE_BYTES = 1 << 30  # what takes no more is painted whole, and so are its statistics
_TILE_BYTES = 512 << 20
_MOST_SIDE = 1280  # pixels: larger tiles repeat less at their borders, but leave the processor's caches
_CROP = 256  # pixels: smaller ones are ruled by their borders
_MOST_CROPS = 64
_CROPS_BYTES = 768 << 20


@dataclass(frozen=True)
class Known:
    """What all tiles of a picture have in common.

    Attributes:
        statistics: for each network.
        backdrop: (3, 1, 1), the colour to take for colours that alpha hides wholly; None if nothing hides.
    """

    statistics: tuple[Statistics, ...]
    backdrop: Tensor | None


class Tiler:
    """A stylizer for pictures that would not fit in memory as floats.

    The networks' statistics are taken from the whole picture where it takes up to WHOLE_BYTES, and otherwise
    from crops that are spread evenly over it, as if these were the picture. In trials with photos of five
    megapixels these led nearer to what the whole picture gives than a thumbnail of as many pixels in two
    styles of three, by a third (Chen et al. 2022, thumbnail instance normalisation): a thumbnail's texture is
    weaker.

    Args:
        side: of the tiles in pixels, rounded up to what the networks can halve; None chooses.

    Attributes:
        side: the same, as it came out.
        halo: pixels beyond a tile that its picture depends on.
    """

    def __init__(self, stylizer: Stylizer, side: int | None = None) -> None:
        self._device, self._dtype = stylizer.device, stylizer.dtype
        self._networks, self._photo_share = stylizer.networks, stylizer.photo_share
        self._per_pixel = stylizer.per_pixel
        step = lcm(*(network.multiple for network, _ in self._networks))
        self.halo = max((-(-_reach(network) // step) * step for network, _ in self._networks), default=0)
        if side is None:
            seen = int((_TILE_BYTES / self._per_pixel) ** 0.5)
            side = min(_MOST_SIDE, max(LEAST_TILE, seen - 2 * self.halo) // step * step)
        self._step, self.side = step, -(-side // step) * step

    def bands(self, source: Source, bit_depth: int = 8) -> Iterator[Samples]:
        """The picture of a photo from top to bottom: (rows, W, 3 or 4) uint8 or uint16, a tile high.

        Raises MemoryLimitError, ImageError: when the first band is asked for, or later.
        """
        self._check_memory(source.size)
        height, width = source.size
        with self._explaining():
            known = self._measure(source)
            columns = _cuts(width, self.side, self._step)
            for top, bottom in _cuts(height, self.side, self._step):
                boxes = ((top, left, bottom, right) for left, right in columns)
                yield np.concatenate([self._tile(source, box, known, bit_depth) for box in boxes], axis=1)

    def seen(self, size: tuple[int, int]) -> int:
        """Pixels of the largest tile of a picture of (height, width), with its halo."""
        return prod(min(side, self.side + 2 * self.halo) for side in size)

    def sampled(self, size: tuple[int, int]) -> int:
        """Pixels that the statistics of such a picture are taken from."""
        return prod(size) if self._fits(size) else min(prod(size), self._crops() * _CROP**2)

    def _fits(self, size: tuple[int, int]) -> bool:
        return _is_small(size, self._per_pixel, self._device)

    def _crops(self) -> int:
        return max(1, min(_MOST_CROPS, int(_CROPS_BYTES / self._per_pixel) // _CROP**2))

    def _measure(self, source: Source) -> Known:
        photos = self._sample(source)
        backdrop = _visible_mean(photos)
        photos = self._on_device(_colours(photos, backdrop))
        return Known(tuple(collect(network, photos) for network, _ in self._networks), backdrop)

    def _sample(self, source: Source) -> Tensor:
        """(N, 3 or 4, h, w): the picture itself, or crops of it, from top to bottom."""
        height, width = source.size
        if self._fits(source.size):
            return source.region(0, 0, height, width)[None]
        down = max(1, min(round((self._crops() * height / width) ** 0.5), self._crops(), -(-height // _CROP)))
        tops, high = _spread(height, down)
        lefts, wide = _spread(width, min(self._crops() // down, -(-width // _CROP)))
        places = product(tops, lefts)
        return torch.stack([source.region(top, left, top + high, left + wide) for top, left in places])

    def _tile(self, source: Source, box: tuple[int, int, int, int], known: Known, bit_depth: int) -> Samples:
        """Samples of a box: top, left, bottom, right."""
        (height, width), (top, left, bottom, right) = source.size, box
        corner = max(0, top - self.halo), max(0, left - self.halo)
        planes = source.region(*corner, min(height, bottom + self.halo), min(width, right + self.halo))
        painted = self._paint(_colours(planes, known.backdrop), known.statistics, corner)
        whole = torch.cat([painted.cpu(), planes[3:]])
        down, across = corner
        return quantise(whole[:, top - down : bottom - down, left - across : right - across], bit_depth)

    def _paint(self, colours: Tensor, statistics: tuple[Statistics, ...], corner: tuple[int, int]) -> Tensor:
        """The sum of all that a picture is made of, (3, h, w) in [0, 1]."""
        photo = self._on_device(colours[None])
        painted = colours.to(self._device) * self._photo_share
        for (network, share), known in zip(self._networks, statistics, strict=True):
            painted += paint_part(network, photo, known, corner)[0].float().clamp(0, 1) * share
        return painted.clamp(0, 1)

    def _on_device(self, photos: Tensor) -> Tensor:
        return photos.to(self._device, self._dtype, memory_format=torch.channels_last)

    def _check_memory(self, size: tuple[int, int]) -> None:
        needed = self._per_pixel * max(self.seen(size), self.sampled(size))
        available = available_memory(self._device)
        if needed > available:
            raise MemoryLimitError(
                f"tiles of {self.side} pixels need about {needed / 2**30:.1f} GB of memory and "
                f"{available / 2**30:.1f} GB are free: {self._advice()}"
            )

    def _advice(self) -> str:
        smaller = self.side // 2
        return f"try --tile {smaller}" if smaller >= LEAST_TILE else "close other programs"

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except (MemoryError, RuntimeError) as error:
            if not ran_out_of_memory(error):
                raise
            raise MemoryLimitError(
                f"memory ran out with tiles of {self.side} pixels: {self._advice()}"
            ) from error


def make_tiler(stylizer: Stylizer, size: tuple[int, int], tile: Tile) -> Tiler | None:
    """What paints a picture of (height, width) in tiles, or None if it is to be painted whole."""
    if tile == "off" or (isinstance(tile, int) and tile >= max(size)):
        return None
    if tile != "auto":
        return Tiler(stylizer, tile)
    return None if _is_small(size, stylizer.per_pixel, stylizer.device) else Tiler(stylizer)


def _is_small(size: tuple[int, int], per_pixel: float, device: torch.device) -> bool:
    return per_pixel * prod(size) <= min(WHOLE_BYTES, available_memory(device))


def _reach(network: StyleNetwork) -> int:
    return _reach_of(network.name, json.dumps(network.config))


@cache
def _reach_of(name: str, config: str) -> int:
    """It follows from the layers alone, and takes a second: a folder may hold many large photos."""
    return reach(build(name, **json.loads(config)))


def _cuts(length: int, side: int, step: int) -> list[tuple[int, int]]:
    """(start, end) of parts that are equally long but for the last; starts are multiples of `step`."""
    even = -(-length // (-(-length // side)) // step) * step
    return [(start, min(start + even, length)) for start in range(0, length, even)]


def _spread(length: int, count: int) -> tuple[list[int], int]:
    """Where crops begin, each in the middle of its share of a length, and how long they are."""
    crop, share = min(_CROP, length), length / count
    starts = (round((index + 0.5) * share - crop / 2) for index in range(count))
    return [min(max(start, 0), length - crop) for start in starts], crop


def _visible_mean(photos: Tensor) -> Tensor | None:
    """(3, 1, 1), the mean of the colours that (N, 4, h, w) lets be seen."""
    alpha = photos[:, 3:]
    if not alpha.numel() or not alpha.any():
        return None
    return ((photos[:, :3] * alpha).sum((0, 2, 3)) / alpha.sum()).view(3, 1, 1)


def _colours(planes: Tensor, backdrop: Tensor | None) -> Tensor:
    """(..., 3, h, w), with the backdrop where nothing can be seen."""
    colours = planes[..., :3, :, :]
    return colours if backdrop is None else torch.where(planes[..., 3:, :, :] > 0, colours, backdrop)

"""Pictures of any size: tiles that are painted with the same statistics join without a seam.

The statistics are taken from the whole picture, or from crops that are spread over it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import product
from math import ceil, lcm, prod

import numpy as np
import torch
from torch import Tensor

from impasto.device import available_memory, memory_error, ran_out_of_memory
from impasto.errors import MemoryLimitError, UsageError
from impasto.imaging.codecs.base import Samples
from impasto.imaging.encoding import quantize
from impasto.imaging.geometry import Box, Size, crop, grown, hull, needed, resampled, whole
from impasto.imaging.sources import ImageSource
from impasto.networks import StyleNetwork, build
from impasto.networks.statistics import Statistics, collect, paint_part, reach
from impasto.stylizing.options import LEAST_TILE, TileOption
from impasto.stylizing.stylizer import Ensemble, Stylizer

_TILE_BYTES = 512 << 20
_MOST_SIDE = 1280  # pixels: larger tiles repeat less at their borders, but leave the processor's caches
_KERNEL = 4  # pixels on each side that enlarging and shrinking look at


class Tiler:
    """A stylizer for pictures that would not fit in memory as floats.

    The networks' statistics are taken from the whole picture where it takes up to a gigabyte, and otherwise
    from crops that are spread evenly over it, as if these were the picture. In trials with photos of five
    megapixels these led nearer to what the whole picture gives than a thumbnail of as many pixels in two
    styles of three, by a third (Chen et al. 2022, thumbnail instance normalisation): a thumbnail's texture is
    weaker. Colors, where the photo's are kept, are measured in the same crops.

    Args:
        side: of the tiles in pixels, rounded up to what the networks can halve; None chooses.

    Attributes:
        side: the same, as it came out.
        halo: pixels beyond a tile that its picture depends on.
    """

    def __init__(self, stylizer: Stylizer, side: int | None = None) -> None:
        self._stylizer, self._finish = stylizer, stylizer.finish
        networks = [network for ensemble in stylizer.ensembles for network, _ in ensemble.networks]
        self._step = lcm(*(network.multiple for network in networks))
        self._reach = max((-(-_reach(network) // self._step) * self._step for network in networks), default=0)
        self._strokes = stylizer.finish.controls.stroke_size
        self.halo = self._reach + self._finish.halo
        if self._strokes != 1:
            self.halo = ceil((self._reach + _KERNEL) * max(1.0, self._strokes)) + self._finish.halo
        if side is None:
            seen = int((_TILE_BYTES / stylizer.per_pixel) ** 0.5)
            most = int(_MOST_SIDE * max(1.0, self._strokes))
            side = min(most, max(LEAST_TILE, seen - 2 * self.halo) // self._step * self._step)
        self.side = -(-side // self._step) * self._step

    def bands(self, source: ImageSource, bit_depth: int = 8) -> Iterator[Samples]:
        """Yield the picture of a photo from top to bottom: (rows, W, 3 or 4) uint8 or uint16, a tile high.

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

    def seen(self, size: Size) -> int:
        """Pixels of the largest tile of a picture of (height, width), with its halo."""
        return prod(min(side, self.side + 2 * self.halo) for side in size)

    def sampled(self, size: Size) -> int:
        """Pixels that the statistics of such a picture are taken from."""
        crops = self._crops(size)
        top, left, bottom, right = crops[0]
        return min(prod(size), int(len(crops) * (bottom - top) * (right - left) * self._strokes**2))

    def _crops(self, size: Size) -> list[Box]:
        """Crops of the photo as networks see it."""
        per_pixel = self._stylizer.per_pixel * self._strokes**2
        return crops_of(self._stylizer.seen_size(size), per_pixel, self._stylizer.device)

    def _measure(self, source: ImageSource) -> Known:
        size = self._stylizer.seen_size(source.size)
        boxes = self._crops(source.size)
        backdrop = find_backdrop(source, boxes, size)
        view = CropView(source, size, backdrop)
        planes = torch.stack([view.region(box) for box in boxes])
        photos = self._on_device(planes[:, :3])
        known = Known(
            tuple(
                tuple(collect(network, photos) for network, _ in ensemble.networks)
                for ensemble in self._stylizer.ensembles
            ),
            backdrop,
        )
        return (
            self._with_colors(known, planes, boxes, size) if self._finish.controls.is_statistical else known
        )

    def _with_colors(self, known: Known, planes: Tensor, boxes: list[Box], size: Size) -> Known:
        """Add the colors of the picture, for which the sample is painted."""
        pictures = [
            self._paint(part[:3], box, size, box, size, known)
            for part, box in zip(planes, boxes, strict=True)
        ]
        picture, photo = (some_colors(part) for part in (torch.stack(pictures), planes))
        return Known(known.statistics, known.backdrop, (picture, photo[:3].to(picture)), photo[3:])

    def _tile(self, source: ImageSource, box: Box, known: Known, bit_depth: int) -> Samples:
        size = source.size
        small = self._stylizer.seen_size(size)
        window = grown(box, self._finish.halo, size)
        seen = grown(needed(window, size, small), self._reach, small, self._step)
        place = hull(window, needed(seen, small, size))  # one region: a stream is read from top to bottom
        planes = filled(source.region(*place), known.backdrop)
        photo = resampled(planes[:3], place, size, seen, small)
        picture = self._paint(photo, seen, small, window, size, known)
        beside = crop(planes[:3], place, window).to(picture)
        finished = self._finish(picture, beside, seen=known.colors, alpha=known.alpha, size=size, box=window)
        whole = torch.cat([crop(finished.cpu(), window, box), crop(planes[3:], place, box)])
        return quantize(whole, bit_depth)

    def _paint(self, photo: Tensor, seen: Box, small: Size, window: Box, size: Size, known: Known) -> Tensor:
        """Paint each region with its style: (3, h, w), the window of a picture of `size`.

        `photo`, (3, h, w), is the box `seen` of what is resized to `small` for the networks.
        """
        shares = self._stylizer.shares.parts(size, window)
        painted = torch.zeros((3, window[2] - window[0], window[3] - window[1]), device=self._stylizer.device)
        for ensemble, own, share in zip(self._stylizer.ensembles, known.statistics, shares, strict=True):
            if share.any():
                part = self._paint_alone(ensemble, photo, own, seen)
                painted += resampled(part, seen, small, window, size) * share.to(painted)
        return painted.clamp_(0, 1)

    def _paint_alone(
        self, ensemble: Ensemble, photo: Tensor, statistics: tuple[Statistics, ...], seen: Box
    ) -> Tensor:
        """Picture of one ensemble, in [0, 1]."""
        painted = photo.to(self._stylizer.device) * ensemble.photo_share
        for (network, share), known in zip(ensemble.networks, statistics, strict=True):
            part = paint_part(network, self._on_device(photo[None]), known, seen[:2])
            painted += part[0].float().clamp(0, 1) * share
        return painted.clamp(0, 1)

    def _on_device(self, photos: Tensor) -> Tensor:
        stylizer = self._stylizer
        return photos.to(stylizer.device, stylizer.dtype, memory_format=torch.channels_last)

    def _check_memory(self, size: Size) -> None:
        needed = self._stylizer.per_pixel * max(self.seen(size), self.sampled(size))
        available = available_memory(self._stylizer.device)
        if needed > available:
            raise memory_error(f"tiles of {self.side} pixels need", needed, available, self._advice())

    def _advice(self) -> str:
        smaller = self.side // 2
        return f"try tile={smaller}" if smaller >= LEAST_TILE else "close other programs"

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


def make_tiler(stylizer: Stylizer, size: tuple[int, int], tile: TileOption) -> Tiler | None:
    """Build the tiler for a picture of (height, width); None if it is painted whole.

    Raises UsageError for a stylizer that refines what it paints, which needs it whole.
    """
    if tile == "off" or (isinstance(tile, int) and tile >= max(size)):
        return None
    if tile == "auto" and is_small(size, stylizer.per_pixel, stylizer.device):
        return None
    if stylizer.refine:
        raise UsageError("refine is for pictures that are painted whole: choose a smaller size")
    return Tiler(stylizer, None if tile == "auto" else tile)


def _reach(network: StyleNetwork) -> int:
    return _reach_of(network.name, json.dumps(network.config))


@cache
def _reach_of(name: str, config: str) -> int:
    """Compute the reach from the layers; cached, as it takes a second and a folder may hold many photos."""
    return reach(build(name, **json.loads(config)))


def _cuts(length: int, side: int, step: int) -> list[tuple[int, int]]:
    """(start, end) of parts that are equally long but for the last; starts are multiples of `step`."""
    even = -(-length // (-(-length // side)) // step) * step
    return [(start, min(start + even, length)) for start in range(0, length, even)]


WHOLE_BYTES = 1 << 30  # what takes no more is painted whole, and so are its statistics
_CROP = 256  # pixels: smaller ones are ruled by their borders
_MOST_CROPS = 64
_CROPS_BYTES = 768 << 20
_COLORS = 1 << 16  # pixels that colors are taken from


@dataclass(frozen=True)
class Known:
    """Statistics shared by all tiles of a picture.

    Attributes:
        statistics: for each ensemble, those of each network.
        backdrop: (3, 1, 1), the color to take for colors that alpha hides wholly; None if nothing hides.
        colors: of picture and photo, (3, n, 1) of pixels from all over them; None where nobody asks.
        alpha: (1, n, 1), of the same pixels.
    """

    statistics: tuple[tuple[Statistics, ...], ...]
    backdrop: Tensor | None
    colors: tuple[Tensor, Tensor] | None = None
    alpha: Tensor | None = None


@dataclass(frozen=True)
class CropView:
    """A photo as networks see it: resized, and with a backdrop where nothing can be seen."""

    source: ImageSource
    size: Size
    backdrop: Tensor | None = None

    def region(self, box: Box) -> Tensor:
        """Read a region, (3 or 4, h, w) in [0, 1]; regions are read in the order of the boxes."""
        place = needed(box, self.size, self.source.size)
        planes = filled(self.source.region(*place), self.backdrop)
        return resampled(planes, place, self.source.size, box, self.size)


def is_small(size: Size, per_pixel: float, device: torch.device) -> bool:
    """Return whether a picture may be painted whole."""
    return per_pixel * prod(size) <= min(WHOLE_BYTES, available_memory(device))


def crops_of(size: Size, per_pixel: float, device: torch.device) -> list[Box]:
    """Choose the whole of a small picture, or boxes of one size, spread evenly from top to bottom."""
    if is_small(size, per_pixel, device):
        return [whole(size)]
    (height, width), count = size, most_crops(per_pixel)
    down = max(1, min(round((count * height / width) ** 0.5), count, -(-height // _CROP)))
    tops, high = _spread(height, down)
    lefts, wide = _spread(width, min(count // down, -(-width // _CROP)))
    return [(top, left, top + high, left + wide) for top, left in product(tops, lefts)]


def most_crops(per_pixel: float) -> int:
    """Number of crops that fit in their share of memory."""
    return max(1, min(_MOST_CROPS, int(_CROPS_BYTES / per_pixel) // _CROP**2))


def find_backdrop(source: ImageSource, boxes: list[Box], size: Size) -> Tensor | None:
    """(3, 1, 1), the mean of the colors that can be seen there; None where all can be seen, or nothing.

    Boxes are of the photo resized to `size`.
    """
    if source.channels < 4:
        return None
    total, weight = torch.zeros(3), torch.zeros(())
    for box in boxes:
        planes = source.region(*needed(box, size, source.size))
        total += (planes[:3] * planes[3:]).sum((1, 2))
        weight += planes[3:].sum()
    return (total / weight).view(3, 1, 1) if weight > 0 else None


def filled(planes: Tensor, backdrop: Tensor | None) -> Tensor:
    """Fill transparent pixels of (3 or 4, h, w) with the backdrop."""
    if backdrop is None:
        return planes
    return torch.cat([torch.where(planes[3:] > 0, planes[:3], backdrop), planes[3:]])


def some_colors(planes: Tensor) -> Tensor:
    """Sample pixels of (N, C, h, w) evenly, as (C, n, 1)."""
    colors = planes.transpose(0, 1).flatten(1)
    return colors[:, :: -(-colors.shape[1] // _COLORS), None]


def _spread(length: int, count: int) -> tuple[list[int], int]:
    """Starts and length of crops, each in the middle of its share of a length."""
    crop, share = min(_CROP, length), length / count
    starts = (round((index + 0.5) * share - crop / 2) for index in range(count))
    return [min(max(start, 0), length - crop) for start in starts], crop

"""Estimate size, tiles and memory of stylizing a photo, from its header and the options."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from impasto.imaging import io
from impasto.imaging.geometry import fit_long_side
from impasto.imaging.sources import find_size
from impasto.stylizing.batch.inputs import Item
from impasto.stylizing.estimate import peak_in_tiles, peak_whole
from impasto.stylizing.options import ImageOptions
from impasto.stylizing.stylizer import Stylizer
from impasto.stylizing.tiles import make_tiler


@dataclass(frozen=True)
class StylizePlan:
    """Of one photo.

    Attributes:
        size: (height, width) of the picture; of a photo that its EXIF turns, before it is turned.
        tile: side of the tiles in pixels; None if it is painted whole.
        memory: peak bytes of the process, to a quarter, with PyTorch as the runtime.
    """

    size: tuple[int, int]
    tile: int | None
    memory: int


def plan(item: Item, stylizer: Stylizer, options: ImageOptions) -> StylizePlan:
    """The plan for one photo. Raises ImageError for one that cannot be read."""
    stored = find_size(item.source)
    size = stored if options.size is None else fit_long_side(stored, options.size)
    tiler, pixels, per_pixel = make_tiler(stylizer, size, options.tile), prod(size), stylizer.per_pixel
    if tiler is None:
        return StylizePlan(size, None, peak_whole(pixels, per_pixel))
    memory = peak_in_tiles(
        pixels,
        per_pixel,
        sampled=tiler.sampled(size),
        seen=tiler.seen(size),
        held=prod(stored) <= (options.max_pixels or io.MAX_PIXELS),
        collected=not io.is_banded(item.target),
    )
    return StylizePlan(size, tiler.side, memory)

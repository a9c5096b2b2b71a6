"""Stylize one picture file into another, and estimate its size, tiles and memory before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from math import prod
from os import PathLike
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from impasto.device import available_memory
from impasto.errors import ImageError
from impasto.imaging import io
from impasto.imaging.codecs.base import Samples
from impasto.imaging.encoding import kept_depth, lost_depth
from impasto.imaging.geometry import fit_long_side, resize
from impasto.imaging.sources import ImageSource, Planes, find_size, open_large, shrunk
from impasto.stylizing.batch.inputs import Item
from impasto.stylizing.estimate import check_memory, peak_in_tiles, peak_whole
from impasto.stylizing.options import ImageOptions
from impasto.stylizing.stylizer import Stylizer
from impasto.stylizing.tiles import make_tiler

_MOST_FLOATS = 30_000_000  # pixels; reading takes 32 bytes of each


class BandMaker(Protocol):
    """Makes the picture of a photo band by band."""

    def bands(self, source: ImageSource, bit_depth: int = 8) -> Iterator[Samples]:
        """The picture from top to bottom: (rows, W, 3 or 4) uint8 or uint16."""
        ...


@dataclass(frozen=True)
class Large:
    """A photo whose picture is made band by band."""

    source: ImageSource
    tiler: BandMaker

    def bands(self, bit_depth: int) -> Iterator[Samples]:
        """Yield the picture as its maker does; then free the photo, as compression takes memory."""
        yield from self.tiler.bands(self.source, bit_depth)
        self.source.close()


def stylize_file(
    source: str | PathLike[str],
    target: str | PathLike[str],
    stylizer: Stylizer,
    options: ImageOptions | None = None,
) -> io.ImageInfo:
    """Read a photo, stylize it, write the picture; tells about the photo, at the picture's size.

    Raises ImpastoError: any of the family, before anything is written.
    """
    options = options or ImageOptions()
    io.check_output(target, bit_depth=options.bit_depth)
    photo, info = read_photo(source, target, stylizer, options)
    record = make_record(Path(source), stylizer.record(), options)
    picture = photo if isinstance(photo, Large) else stylizer.picture(photo, info.alpha)
    write_picture(target, picture, info, record, options)
    return info


def read_photo(
    path: str | PathLike[str], target: str | PathLike[str], stylizer: Stylizer, options: ImageOptions
) -> tuple[Tensor | Large, io.ImageInfo]:
    """Read a photo at the size of the result: (3, H, W) in [0, 1], or a large photo; and its info.

    The alpha of a large one is in its source. Raises as `imaging.io.read`.
    """
    photo, info = _read_photo(path, target, stylizer, options)
    lost = lost_depth(target, options.bit_depth, str(path), info.bit_depth)
    return photo, replace(info, notes=(*info.notes, *lost))


def _read_photo(
    path: str | PathLike[str], target: str | PathLike[str], stylizer: Stylizer, options: ImageOptions
) -> tuple[Tensor | Large, io.ImageInfo]:
    stored = find_size(path)
    size = stored if options.size is None else fit_long_side(stored, options.size)
    tiler = make_tiler(stylizer, size, options.tile)
    if tiler is None:  # before it is enlarged, which takes memory of its own
        check_memory(size, stylizer.per_pixel, available_memory(stylizer.device))
    if tiler is None and (options.size is None or prod(stored) <= _MOST_FLOATS):
        return _read_whole(path, options)
    source, info = open_source(path, target, prod(stored), options)
    if options.size is not None:
        info = replace(info, size=fit_long_side(info.size, options.size))
        source = Planes(shrunk(source, info.size))
    if tiler is not None:
        return Large(source, tiler), info
    planes = source.region(0, 0, *info.size)
    return planes[:3], replace(info, alpha=planes[3:] if len(planes) > 3 else None)


def open_source(
    path: str | PathLike[str], target: str | PathLike[str], pixels: int, options: ImageOptions
) -> tuple[ImageSource, io.ImageInfo]:
    """Open a photo to be read part by part: decoded whole if its size allows, else streamed.

    Raises as `imaging.io.read`.
    """
    if options.max_pixels is not None or pixels <= io.MAX_PIXELS:
        return open_large(path, max_pixels=options.max_pixels or io.MAX_PIXELS)
    if options.size is None and io.is_banded(target):
        from impasto.imaging.sources import open_streamed

        return open_streamed(path)
    raise ImageError(
        f"{path} has {pixels:,} pixels, more than the limit of {io.MAX_PIXELS:,} for what is read whole: "
        "write a .tif of the same size, which is made by parts, make it smaller or raise max_pixels"
    )


def _read_whole(path: str | PathLike[str], options: ImageOptions) -> tuple[Tensor, io.ImageInfo]:
    """Read (3, H, W) in [0, 1] at the size of the result, and its info. Raises as `imaging.io.read`."""
    photo, info = io.read(path, max_pixels=options.max_pixels or io.MAX_PIXELS)
    if options.size is None:
        return photo, info
    size = fit_long_side(info.size, options.size)
    alpha = None if info.alpha is None else resize(info.alpha[None], size)[0]
    return resize(photo[None], size)[0], replace(info, size=size, alpha=alpha)


def write_picture(
    path: str | PathLike[str],
    picture: Tensor | Large,
    info: io.ImageInfo,
    record: dict[str, Any],
    options: ImageOptions,
) -> None:
    """Write (3, H, W) in [0, 1] with the photo's transparency and EXIF. Raises as `imaging.io.write`.

    A large photo is painted at the same time.
    """
    depth = kept_depth(path, options.bit_depth, info.bit_depth)
    common: dict[str, Any] = {"bit_depth": depth, "quality": options.quality}
    if not options.strip_metadata:
        common |= {"exif": info.exif, "record": json.dumps({"impasto": version("impasto"), **record})}
    if isinstance(picture, Large):
        bands = picture.bands(depth)
        io.write_bands(path, bands, info.size, channels=picture.source.channels, **common)
    else:
        io.write(path, picture, alpha=info.alpha, **common)


def make_record(source: Path, style: dict[str, Any], options: ImageOptions) -> dict[str, Any]:
    """Collect all settings that affect a picture, JSON-serializable, and the length of the photo in bytes."""
    try:
        return record_of(source.stat().st_size, style, options)
    except OSError as error:
        raise ImageError(f"{source} cannot be read: {error.strerror or error}") from error


def record_of(length: int, style: dict[str, Any], options: ImageOptions) -> dict[str, Any]:
    """Make the record for a photo of this many bytes."""
    return {
        **style,
        "size": options.size,
        "bit_depth": options.bit_depth,
        "quality": options.quality,
        "photo_bytes": length,
        **({} if options.tile == "auto" else {"tile": options.tile}),
    }


def is_made(target: Path, record: dict[str, Any]) -> bool | None:
    """Return whether the picture at `target` was made as `record` says; None if it has no record.

    The version that made it does not count.
    """
    try:
        found = json.loads(io.read_record(target) or "")
        return {name: value for name, value in found.items() if name != "impasto"} == record
    except (ImageError, ValueError, AttributeError, RecursionError):
        return None


@dataclass(frozen=True)
class StylizePlan:
    """Plan for one photo.

    Attributes:
        size: (height, width) of the picture; of a photo that its EXIF turns, before it is turned.
        tile: side of the tiles in pixels; None if it is painted whole.
        memory: peak bytes of the process, to a quarter, with PyTorch as the runtime.
    """

    size: tuple[int, int]
    tile: int | None
    memory: int


def plan(item: Item, stylizer: Stylizer, options: ImageOptions) -> StylizePlan:
    """Plan the size, tiles and memory for one photo. Raises ImageError if it cannot be read."""
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

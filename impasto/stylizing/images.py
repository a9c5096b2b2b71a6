"""One picture file to another."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from typing import Any

from torch import Tensor

from impasto.errors import ImageError
from impasto.imaging import io
from impasto.imaging.geometry import fit_long_side, resize
from impasto.stylizing.options import ImageOptions
from impasto.stylizing.stylizer import Stylizer


def stylize_file(
    source: str | PathLike[str],
    target: str | PathLike[str],
    stylizer: Stylizer,
    options: ImageOptions | None = None,
) -> io.ImageInfo:
    """Read a photo, stylise it, write the picture; tells about the photo, at the picture's size.

    Raises ImpastoError: any of the family, before anything is written.
    """
    options = options or ImageOptions()
    io.check_output(target, bit_depth=options.bit_depth)
    photo, info = read_photo(source, options)
    record = make_record(Path(source), stylizer.record(), options)
    write_picture(target, stylizer.picture(photo, info.alpha), info, record, options)
    return info


def read_photo(path: str | PathLike[str], options: ImageOptions) -> tuple[Tensor, io.ImageInfo]:
    """(3, H, W) in [0, 1] at the size of the result, and what came with it. Raises as `imaging.io.read`."""
    photo, info = io.read(path, max_pixels=options.max_pixels or io.MAX_PIXELS)
    if options.size is None:
        return photo, info
    size = fit_long_side(info.size, options.size)
    alpha = None if info.alpha is None else resize(info.alpha[None], size)[0]
    return resize(photo[None], size)[0], replace(info, size=size, alpha=alpha)


def write_picture(
    path: str | PathLike[str],
    picture: Tensor,
    info: io.ImageInfo,
    record: dict[str, Any],
    options: ImageOptions,
) -> None:
    """Write (3, H, W) in [0, 1] with the photo's transparency and EXIF. Raises as `imaging.io.write`."""
    bare = options.strip_metadata
    io.write(
        path,
        picture,
        alpha=info.alpha,
        exif=None if bare else info.exif,
        bit_depth=options.bit_depth,
        quality=options.quality,
        record=None if bare else json.dumps({"impasto": version("impasto"), **record}),
    )


def make_record(source: Path, style: dict[str, Any], options: ImageOptions) -> dict[str, Any]:
    """All that decides what a picture looks like, as JSON has it; of the photo, its length in bytes."""
    try:
        length = source.stat().st_size
    except OSError as error:
        raise ImageError(f"{source} cannot be read: {error.strerror or error}") from error
    return {
        **style,
        "size": options.size,
        "bit_depth": options.bit_depth,
        "quality": options.quality,
        "photo_bytes": length,
    }


def is_made(target: Path, record: dict[str, Any]) -> bool | None:
    """Whether the picture at `target` was made as `record` says; None if it does not tell how it was made.

    The version that made it does not count.
    """
    try:
        found = json.loads(io.read_record(target) or "")
        return {name: value for name, value in found.items() if name != "impasto"} == record
    except (ImageError, ValueError, AttributeError):
        return None

"""Read and write pictures: the only place where files become tensors and back.

Inside impasto a picture is float32 sRGB in [0, 1], (3, H, W), upright. What else its file said travels
beside it in an `ImageInfo`.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from impasto.errors import ImageError, UsageError
from impasto.imaging import arrays
from impasto.imaging.arrays import over_white
from impasto.imaging.codecs.base import SampleArray, Samples
from impasto.imaging.codecs.tiff import TiledTiff
from impasto.imaging.decoding import Decoded, check_size, decode_file, decode_image, explaining, open_image
from impasto.imaging.encoding import FORMATS, Format, find_format, quantize, to_pil
from impasto.imaging.files import check_target, open_file, replacing
from impasto.imaging.metadata import find_record, pack_record

__all__ = [
    "MAX_PIXELS",
    "ImageInfo",
    "Source",
    "check_output",
    "is_banded",
    "read",
    "read_record",
    "replacing",
    "to_pil",
    "write",
    "write_bands",
]

MAX_PIXELS = 250_000_000

Source = str | os.PathLike[str] | Image.Image | NDArray[Any] | Tensor


@dataclass(frozen=True)
class ImageInfo:
    """Metadata of a picture.

    Attributes:
        name: the path, or "image"; for messages.
        size: (height, width), upright.
        bit_depth: of the source, 8 or 16.
        alpha: straight opacity, (1, H, W) float32 in [0, 1]; None if all is opaque.
        exif: EXIF bytes ready to be written, without orientation and thumbnail.
        notes: sentences that the user should hear.
    """

    name: str
    size: tuple[int, int]
    bit_depth: int = 8
    alpha: Tensor | None = None
    exif: bytes | None = None
    notes: tuple[str, ...] = ()


def read(source: Source, *, max_pixels: int = MAX_PIXELS) -> tuple[Tensor, ImageInfo]:
    """Read a picture, upright and in sRGB.

    Args:
        source: a file, a Pillow image, an array (H, W) or (H, W, 1, 3 or 4) of uint8, uint16 or floats in
            [0, 1], or a tensor (3 or 4, H, W), perhaps with a batch of one in front, of floats in [0, 1].
        max_pixels: the largest picture to accept, judged by its header before anything is decoded.

    Returns:
        (3, H, W) float32 in [0, 1] on the CPU, and what came with it. Where alpha is 0, the stored color.

    Raises:
        ImageError: missing, damaged, cut short, too large, or not a picture.
        UsageError: an array or tensor of another shape or type.
        MissingExtraError: a HEIC file, without pillow-heif.
    """
    if isinstance(source, Tensor):
        return _split("image", arrays.from_tensor(source), max_pixels)
    if isinstance(source, np.ndarray):
        planes, bit_depth = arrays.from_numpy(source)
        return _split("image", planes, max_pixels, bit_depth=bit_depth)
    if isinstance(source, Image.Image):
        name = str(getattr(source, "filename", "") or "image")
        check_size(*source.size, name, max_pixels)
        return _from_decoded(name, decode_image(source, name), max_pixels)
    if isinstance(source, str | os.PathLike):
        name = str(Path(source))
        with open_file(name) as file:
            return _from_decoded(name, decode_file(file, name, max_pixels), max_pixels)
    raise UsageError(
        f"a picture is a path, a Pillow image, an array or a tensor, not {type(source).__name__}"
    )


def write(
    path: str | os.PathLike[str],
    image: Tensor,
    *,
    alpha: Tensor | None = None,
    exif: bytes | None = None,
    bit_depth: int = 8,
    quality: int = 95,
    record: str | None = None,
) -> None:
    """Write a picture, whole or not at all, with the sRGB profile embedded.

    Args:
        path: its suffix decides the format: .jpg, .jpeg, .png, .webp, .tif or .tiff.
        image: (3, H, W); values are clamped to [0, 1].
        alpha: straight opacity (1, H, W) in [0, 1]. JPEG has none: the picture is laid over white.
        exif: from `ImageInfo`.
        bit_depth: 8, or 16 for PNG and TIFF.
        quality: 1 to 100, for JPEG (which keeps color at full resolution) and WebP.
        record: text, such as JSON, that `read_record` finds again in the file.

    Raises:
        UsageError: an unknown suffix, or a depth, size or shape that cannot be written.
        ImageError: the file cannot be written, or the picture has NaN.
    """
    target = check_output(path, bit_depth=bit_depth)
    kind = find_format(target, bit_depth)
    _check_shapes(image, alpha)
    if not 1 <= quality <= 100:
        raise UsageError(f"quality is from 1 to 100, not {quality}")
    if max(image.shape[1:]) > kind.longest_side:
        raise UsageError(f"{target} cannot be written: {kind.name} ends at {kind.longest_side} pixels a side")
    planes = image.detach().cpu().float().clamp(0, 1)
    if alpha is not None:
        opacity = alpha.detach().cpu().float().clamp(0, 1)
        planes = torch.cat([planes, opacity]) if kind.has_alpha else planes * opacity + (1 - opacity)
    xmp = None if record is None else pack_record(record)
    picture = SampleArray(np.ascontiguousarray(quantize(planes, bit_depth)), exif, xmp, quality)
    with replacing(target) as temporary:
        _save(kind, temporary, target, picture)


def write_bands(
    path: str | os.PathLike[str],
    bands: Iterable[Samples],
    size: tuple[int, int],
    *,
    channels: int = 3,
    exif: bytes | None = None,
    bit_depth: int = 8,
    quality: int = 95,
    record: str | None = None,
) -> None:
    """Write a picture of (height, width) from bands of samples, the topmost first.

    A TIFF grows with them; for any other kind of file they are collected. Raises as `write`,
    before the first band is asked for if it is not of the disk.
    """
    target = check_output(path, bit_depth=bit_depth)
    kind = find_format(target, bit_depth)
    if max(size) > kind.longest_side:
        raise UsageError(f"{target} cannot be written: {kind.name} ends at {kind.longest_side} pixels a side")
    xmp = None if record is None else pack_record(record)
    with replacing(target) as temporary:
        if kind.is_banded:
            with temporary.open("wb") as file:
                tiff = TiledTiff(file, size, channels, bit_depth)
                for band in bands:
                    tiff.add(band)
                tiff.finish(exif, xmp)
            return
        samples = _collect(bands, size, channels if kind.has_alpha else 3, bit_depth)
        _save(kind, temporary, target, SampleArray(samples, exif, xmp, quality, is_large=True))


def is_banded(path: str | os.PathLike[str]) -> bool:
    """Return whether `write_bands` writes a picture without ever having it in memory whole."""
    kind = FORMATS.get(Path(path).suffix.lower())
    return kind is not None and kind.is_banded


def read_record(path: str | os.PathLike[str]) -> str | None:
    """Read the record that `write` left in a picture file; or None. Raises ImageError as `read`."""
    name = str(Path(path))
    with open_file(name) as file, explaining(name):
        return find_record(open_image(file, name).info.get("xmp"))


def check_output(path: str | os.PathLike[str], *, bit_depth: int | None = 8) -> Path:
    """Return the path, if a picture can be written there; call it before hours of work.

    Raises:
        UsageError: no suffix that can be written, at this depth if one is given, or the path is a folder.
        ImageError: its folder is missing or not writable.
    """
    target = check_target(path)
    find_format(target, bit_depth)
    return target


def _from_decoded(name: str, decoded: Decoded, max_pixels: int) -> tuple[Tensor, ImageInfo]:
    planes = torch.from_numpy(np.ascontiguousarray(decoded.samples.transpose(2, 0, 1)))
    picture, info = _split(name, planes, max_pixels, bit_depth=decoded.bit_depth)
    return picture, replace(info, exif=decoded.exif, notes=decoded.notes)


def _split(name: str, planes: Tensor, max_pixels: int, bit_depth: int = 8) -> tuple[Tensor, ImageInfo]:
    """Split (3 or 4, H, W) into colors and info, which has the opacity."""
    height, width = planes.shape[1:]
    check_size(width, height, name, max_pixels)
    alpha = planes[3:].clone() if len(planes) == 4 and bool((planes[3] < 1).any()) else None
    return planes[:3].contiguous(), ImageInfo(name, (height, width), bit_depth, alpha)


def _save(kind: Format, path: Path, target: Path, picture: SampleArray) -> None:
    """Write a picture to a temporary path. Raises ImageError, which names its target."""
    try:
        kind.save(path, picture)
    except ValueError as error:
        raise ImageError(f"{target} could not be written: {error}") from error


def _collect(bands: Iterable[Samples], size: tuple[int, int], channels: int, bit_depth: int) -> Samples:
    """Collect all bands in one array; lay them over white where the format has no alpha."""
    samples: Samples = np.empty((*size, channels), np.uint8 if bit_depth == 8 else np.uint16)
    top = 0
    for band in bands:
        samples[top : top + len(band)] = (
            band if band.shape[2] == channels else over_white(band[..., :3], band[..., 3])
        )
        top += len(band)
    return samples


def _check_shapes(image: Tensor, alpha: Tensor | None) -> None:
    if image.ndim != 3 or image.shape[0] != 3 or not image.numel():
        raise UsageError(f"a picture to write is (3, H, W), not {tuple(image.shape)}")
    if alpha is not None and alpha.shape != (1, *image.shape[1:]):
        raise UsageError(f"alpha {tuple(alpha.shape)} does not fit the picture {tuple(image.shape)}")

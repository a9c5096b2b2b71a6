"""The picture formats that impasto writes, one function each."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin
from torch import Tensor

from impasto.errors import ImageError, UsageError
from impasto.imaging import depth16
from impasto.imaging.color import SRGB_PROFILE
from impasto.imaging.metadata import dpi_of_exif

_JPEG_EXIF_LIMIT = 65_533


@dataclass(frozen=True)
class SampleArray:
    """Samples to encode: (H, W, 3) or, with straight alpha, (H, W, 4), uint8 or uint16."""

    samples: NDArray[Any]
    exif: bytes | None
    xmp: bytes | None
    quality: int

    @property
    def density(self) -> dict[str, tuple[float, float]]:
        """What Pillow takes to write pixels per inch outside of EXIF."""
        dpi = dpi_of_exif(self.exif)
        return {"dpi": dpi} if dpi else {}


@dataclass(frozen=True)
class Format:
    """A kind of file: its name, how it is written, and what it can hold."""

    name: str
    save: Callable[[Path, SampleArray], None]
    bit_depths: tuple[int, ...]
    longest_side: int
    has_alpha: bool = True


def find_format(path: str | os.PathLike[str], bit_depth: int) -> Format:
    """The format that a file name's suffix stands for. Raises UsageError if it cannot hold `bit_depth`."""
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        known = ", ".join(FORMATS)
        raise UsageError(f"{path} has no suffix that says how to write it; end the name with one of {known}")
    kind = FORMATS[suffix]
    if bit_depth not in (8, 16):
        raise UsageError(f"bit_depth is 8 or 16, not {bit_depth}")
    if bit_depth not in kind.bit_depths:
        raise UsageError(f"{path} cannot hold {bit_depth} bits per channel as {kind.name}; use .png or .tiff")
    return kind


def quantize(planes: Tensor, bit_depth: int) -> NDArray[Any]:
    """Round (C, H, W) in [0, 1], clamped, to (H, W, C) uint8 or uint16. Raises ImageError for NaN."""
    if planes.isnan().any():
        raise ImageError("the picture has values that are not numbers (NaN), so it cannot be shown or saved")
    levels = 2**bit_depth - 1
    scaled = planes.detach().cpu().float().clamp(0, 1).mul(levels).add(0.5).to(torch.int32)
    return scaled.permute(1, 2, 0).numpy().astype(np.uint8 if bit_depth == 8 else np.uint16)


def to_pil(image: Tensor, alpha: Tensor | None = None) -> Image.Image:
    """An 8-bit Pillow picture, RGB or RGBA, of (3, H, W) and (1, H, W). Raises ImageError for NaN."""
    planes = image if alpha is None else torch.cat([image, alpha.to(image)])
    return Image.fromarray(np.ascontiguousarray(quantize(planes, 8)))


class _Wholly:
    """Passes on what is written, and has no number under which Pillow would write by itself."""

    def __init__(self, file: BinaryIO) -> None:
        self.write, self.flush = file.write, file.flush


def wholly(file: BinaryIO) -> Any:
    """The file as Pillow should have it to save a JPEG.

    With a descriptor, Pillow's encoder takes a write of a part for one of the whole: on a disk that is just
    full, a picture cut short would pass for a good one. Python's own files write the rest, or raise.
    """
    return _Wholly(file)


def _save_jpeg(path: Path, picture: SampleArray) -> None:
    """4:4:4, so that fine strokes keep their color. EXIF over JPEG's 64 kB is left out."""
    exif = picture.exif or b""
    with path.open("wb") as file:
        _to_image(picture).save(
            wholly(file),
            "JPEG",
            quality=picture.quality,
            subsampling=0,
            optimize=True,
            icc_profile=SRGB_PROFILE,
            exif=exif if len(exif) <= _JPEG_EXIF_LIMIT else b"",
            xmp=picture.xmp or b"",
            **picture.density,
        )


def _save_png(path: Path, picture: SampleArray) -> None:
    if picture.samples.dtype == np.uint16:
        depth16.write_png(path, picture.samples, SRGB_PROFILE, picture.exif, picture.xmp)
        return
    chunks = PngImagePlugin.PngInfo()
    if picture.xmp:
        chunks.add_itxt("XML:com.adobe.xmp", picture.xmp.decode())
    _to_image(picture).save(
        path, "PNG", pnginfo=chunks, icc_profile=SRGB_PROFILE, exif=picture.exif or b"", **picture.density
    )


def _save_webp(path: Path, picture: SampleArray) -> None:
    _to_image(picture).save(
        path,
        "WEBP",
        quality=picture.quality,
        exact=True,
        icc_profile=SRGB_PROFILE,
        exif=picture.exif or b"",
        xmp=picture.xmp or b"",
    )


def _save_tiff(path: Path, picture: SampleArray) -> None:
    depth16.write_tiff(path, picture.samples, SRGB_PROFILE, picture.exif, picture.xmp)


def _to_image(picture: SampleArray) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(picture.samples))


_JPEG = Format("JPEG", _save_jpeg, (8,), 65_500, has_alpha=False)
_TIFF = Format("TIFF", _save_tiff, (8, 16), 2**31 - 1)
FORMATS = {
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".png": Format("PNG", _save_png, (8, 16), 2**31 - 1),
    ".webp": Format("WebP", _save_webp, (8,), 16_383),
    ".tif": _TIFF,
    ".tiff": _TIFF,
}

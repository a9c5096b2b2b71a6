"""The picture formats that impasto writes, by suffix, and tensors as their samples."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from impasto.errors import ImageError, UsageError
from impasto.imaging.codecs import jpeg, png, tiff
from impasto.imaging.codecs.base import SampleArray, Samples
from impasto.imaging.color import SRGB_PROFILE


@dataclass(frozen=True)
class Format:
    """A kind of file: its name, how it is written, and what it can hold.

    Attributes:
        is_banded: whether `io.write_bands` writes it without ever having it in memory whole.
    """

    name: str
    save: Callable[[Path, SampleArray], None]
    bit_depths: tuple[int, ...]
    longest_side: int
    has_alpha: bool = True
    is_banded: bool = False


def find_format(path: str | os.PathLike[str], bit_depth: int | None) -> Format:
    """Find the format of a file name's suffix. Raises UsageError if it cannot hold `bit_depth`, if given."""
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        known = ", ".join(FORMATS)
        raise UsageError(f"{path} has no suffix that says how to write it; end the name with one of {known}")
    kind = FORMATS[suffix]
    if bit_depth not in (None, 8, 16):
        raise UsageError(f"bit_depth is 8 or 16, not {bit_depth}")
    if bit_depth and bit_depth not in kind.bit_depths:
        raise UsageError(f"{path} cannot hold {bit_depth} bits per channel as {kind.name}; use .png or .tiff")
    return kind


def kept_depth(path: str | os.PathLike[str], wanted: int | None, source: int) -> int:
    """Bits per channel to write: as wanted, or else those of the source if the format can hold them."""
    return wanted or min(source, max(find_format(path, wanted).bit_depths))


def lost_depth(path: str | os.PathLike[str], wanted: int | None, name: str, source: int) -> tuple[str, ...]:
    """Tell in a sentence if a picture loses depth that nobody said it should lose."""
    if wanted or (kept := kept_depth(path, wanted, source)) == source:
        return ()
    return (f"{name} has {source} bits per channel, {path} only {kept}: end its name with .png or .tiff",)


def quantize(planes: Tensor, bit_depth: int) -> Samples:
    """Round (C, H, W) in [0, 1], clamped, to (H, W, C) uint8 or uint16. Raises ImageError for NaN."""
    if planes.isnan().any():
        raise ImageError("the picture has values that are not numbers (NaN), so it cannot be shown or saved")
    levels = 2**bit_depth - 1
    scaled = planes.detach().cpu().float().clamp(0, 1).mul(levels).add(0.5).to(torch.int32)
    return scaled.permute(1, 2, 0).numpy().astype(np.uint8 if bit_depth == 8 else np.uint16)


def to_pil(image: Tensor, alpha: Tensor | None = None) -> Image.Image:
    """Convert (3, H, W), and alpha (1, H, W), to an 8-bit Pillow picture. Raises ImageError for NaN."""
    planes = image if alpha is None else torch.cat([image, alpha.to(image)])
    return Image.fromarray(np.ascontiguousarray(quantize(planes, 8)))


def _save_webp(path: Path, picture: SampleArray) -> None:
    """Write a WebP of 8 bits per channel; hidden colors stay."""
    picture.to_pil().save(
        path,
        "WEBP",
        quality=picture.quality,
        exact=True,
        icc_profile=SRGB_PROFILE,
        exif=picture.exif or b"",
        xmp=picture.xmp or b"",
    )


_JPEG = Format("JPEG", jpeg.save, (8,), 65_500, has_alpha=False)
_TIFF = Format("TIFF", tiff.save, (8, 16), 2**31 - 1, is_banded=True)
FORMATS = {
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".png": Format("PNG", png.save, (8, 16), 2**31 - 1),
    ".webp": Format("WebP", _save_webp, (8,), 16_383),
    ".tif": _TIFF,
    ".tiff": _TIFF,
}

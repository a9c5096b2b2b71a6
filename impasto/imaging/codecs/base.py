"""Samples and metadata for encoders, and a file that Pillow cannot write in part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto.imaging.metadata import dpi_of_exif

Samples = NDArray[Any]  # (rows, W, 3 or 4) uint8 or uint16, alpha straight


@dataclass(frozen=True)
class SampleArray:
    """Samples to encode: (H, W, 3) or, with straight alpha, (H, W, 4), uint8 or uint16.

    Attributes:
        is_large: whether encoders should do without what takes memory and saves a few bytes.
    """

    samples: Samples
    exif: bytes | None
    xmp: bytes | None
    quality: int
    is_large: bool = False

    @property
    def density(self) -> dict[str, tuple[float, float]]:
        """Arguments with which Pillow writes pixels per inch outside of EXIF."""
        dpi = dpi_of_exif(self.exif)
        return {"dpi": dpi} if dpi else {}

    def to_pil(self) -> Image.Image:
        """The samples, of 8 bits, as a Pillow picture."""
        return Image.fromarray(np.ascontiguousarray(self.samples))


class _Wholly:
    """Passes on what is written, and has no number under which Pillow would write by itself."""

    def __init__(self, file: BinaryIO) -> None:
        self.write, self.flush = file.write, file.flush


def wholly(file: BinaryIO) -> Any:
    """Wrap a file for Pillow to save a JPEG or GIF into it.

    With a descriptor, Pillow's encoder takes a write of a part for one of the whole: on a disk that is just
    full, a picture cut short would pass for a good one. Python's own files write the rest, or raise.
    """
    return _Wholly(file)

"""PNG, of 8 or 16 bits per channel."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import PngImagePlugin
from PIL.PngImagePlugin import putchunk

from impasto.imaging.codecs.base import SampleArray
from impasto.imaging.color import SRGB_PROFILE
from impasto.imaging.metadata import dpi_of_exif

_COLOR_TYPES = {3: 2, 4: 6}
_METERS_PER_INCH = 0.0254


def save(path: Path, picture: SampleArray) -> None:
    """Write a PNG of the depth of the samples."""
    if picture.samples.dtype == np.uint16:
        _save_deep(path, picture)
        return
    chunks = PngImagePlugin.PngInfo()
    if picture.xmp:
        chunks.add_itxt("XML:com.adobe.xmp", picture.xmp.decode())
    picture.to_pil().save(
        path, "PNG", pnginfo=chunks, icc_profile=SRGB_PROFILE, exif=picture.exif or b"", **picture.density
    )


def _save_deep(path: Path, picture: SampleArray) -> None:
    """Write 16 bits per channel, for which Pillow has no mode."""
    height, width, channels = picture.samples.shape
    header = np.array([width, height], ">u4").tobytes() + bytes([16, _COLOR_TYPES[channels], 0, 0, 0])
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        putchunk(file, b"IHDR", header)
        putchunk(file, b"iCCP", b"sRGB\0\0", zlib.compress(SRGB_PROFILE))
        if dpi := dpi_of_exif(picture.exif):
            per_meter = np.rint(np.array(dpi) / _METERS_PER_INCH).astype(">u4").tobytes()
            putchunk(file, b"pHYs", per_meter + b"\1")
        if picture.xmp:
            putchunk(file, b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0", picture.xmp)
        if picture.exif:
            putchunk(file, b"eXIf", picture.exif.removeprefix(b"Exif\0\0"))
        for data in _compressed_rows(picture.samples):
            putchunk(file, b"IDAT", data)
        putchunk(file, b"IEND", b"")


def _compressed_rows(samples: NDArray[np.uint16]) -> Iterator[bytes]:
    """Compress rows, each stored as its difference from the row above (PNG filter 2)."""
    compressor = zlib.compressobj()
    above = np.zeros(samples[0].nbytes, np.uint8)
    for row in samples:
        current = row.astype(">u2").reshape(-1).view(np.uint8)
        if data := compressor.compress(b"\x02" + (current - above).tobytes()):
            yield data
        above = current
    yield compressor.flush()

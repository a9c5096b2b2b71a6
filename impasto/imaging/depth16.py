"""Sixteen bits per channel, which Pillow has no color mode for.

Pillow decodes every such file but keeps one byte of each sample, and which one depends on the byte order
it is told. Decoding twice, once in each order, gives both bytes: no second decoder is needed. For writing,
PNG and TIFF are a few chunks and tags around compressed rows.
"""

import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile
from PIL.PngImagePlugin import putchunk
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from impasto.imaging.metadata import dpi_of_exif, load_exif

Deep = NDArray[np.uint16]  # (H, W, 1 to 4): gray or colors, perhaps with straight alpha

_NATIVE = "L" if sys.byteorder == "little" else "B"
_OTHER_ORDER = {"B": "L", "L": "B"}
_PNG_GRAY_ALPHA = "LA;16B"
_PNG_COLOR_TYPES = {3: 2, 4: 6}
_STRIP_BYTES = 1 << 20
_SEPARATE_PLANES = 2
_DEFLATE = 8
_HORIZONTAL_DIFFERENCE = 2
_STRAIGHT_ALPHA = 2
_METERS_PER_INCH = 0.0254
_XMP_TAG = 700
_ICC_TAG = 34675


class DeepFile(ImageFile.ImageFile):
    """A file that is decoded by another library than Pillow. Loaded as a picture of Pillow, it has 8 bits per
    channel.
    """

    def samples(self, name: str) -> tuple[Deep, str | None]:
        """Decode it, and tell in a note what was done with its values."""
        raise NotImplementedError

    def load(self) -> Any:
        if self._im is None:
            samples, _ = self.samples("the picture")
            shallow = np.rint(samples / 257).astype(np.uint8)
            self.im = Image.fromarray(shallow.squeeze(2) if shallow.shape[2] == 1 else shallow).im
        return Image.Image.load(self)

    def exif_of_tiff(self) -> Image.Exif:
        """Empty for a BigTIFF, and for what is no TIFF."""
        exif, content = Image.Exif(), self.content()
        if content[:4] in (b"II*\0", b"MM\0*"):
            exif.load(b"Exif\0\0" + content)
        return exif

    def content(self) -> bytes:
        """The bytes of the file."""
        assert self.fp
        self.fp.seek(0)
        return self.fp.read()


def is_deep_color(image: ImageFile.ImageFile) -> bool:
    """Return whether a file, opened but not decoded, holds colors, or gray with alpha, of 16 bits."""
    rawmode = _rawmode(image)
    return rawmode[:-1] in ("RGB;16", "RGBX;16", "RGBA;16") or rawmode == _PNG_GRAY_ALPHA


def has_deep_planes(image: ImageFile.ImageFile) -> bool:
    """Return whether a TIFF keeps 16-bit channels one after another; Pillow mistakes those for 8-bit ones."""
    tags = getattr(image, "tag_v2", {})
    planar = tags.get(ExifTags.Base.PlanarConfiguration) == _SEPARATE_PLANES
    return planar and max(tags.get(ExifTags.Base.BitsPerSample, (1,))) == 16


def read_deep(reopen: Callable[[], ImageFile.ImageFile]) -> NDArray[np.uint16]:
    """Decode a file of which `is_deep_colour` holds.

    Args:
        reopen: opens the file afresh, not decoded.

    Returns:
        (H, W, C) uint16: gray and alpha, or colors and perhaps alpha. Alpha is straight.
    """
    image = reopen()
    rawmode = _rawmode(image)
    if rawmode == _PNG_GRAY_ALPHA:  # the four bytes of a pixel fit in one of Pillow's
        pairs = _decode(image, "RGBA")
        return _join(pairs[..., 0::2], pairs[..., 1::2])
    stem, order = rawmode[:-1], rawmode[-1].replace("N", _NATIVE)
    return _join(_decode(image, stem + order), _decode(reopen(), stem + _OTHER_ORDER[order]))


def write_png(
    path: Path, samples: NDArray[np.uint16], icc: bytes, exif: bytes | None, xmp: bytes | None
) -> None:
    """Write (H, W, 3 or 4) samples as a 16-bit PNG."""
    height, width, channels = samples.shape
    header = np.array([width, height], ">u4").tobytes() + bytes([16, _PNG_COLOR_TYPES[channels], 0, 0, 0])
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        putchunk(file, b"IHDR", header)
        putchunk(file, b"iCCP", b"sRGB\0\0", zlib.compress(icc))
        if dpi := dpi_of_exif(exif):
            per_meter = np.rint(np.array(dpi) / _METERS_PER_INCH).astype(">u4").tobytes()
            putchunk(file, b"pHYs", per_meter + b"\1")
        if xmp:
            putchunk(file, b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0", xmp)
        if exif:
            putchunk(file, b"eXIf", exif.removeprefix(b"Exif\0\0"))
        for data in _png_rows(samples):
            putchunk(file, b"IDAT", data)
        putchunk(file, b"IEND", b"")


def write_tiff(path: Path, samples: NDArray[Any], icc: bytes, exif: bytes | None, xmp: bytes | None) -> None:
    """Write (H, W, 3 or 4) samples, uint8 or uint16, as a TIFF compressed by deflate."""
    height, width, channels = samples.shape
    rows = max(1, _STRIP_BYTES // samples[0].nbytes)
    strips = [_tiff_strip(samples[top : top + rows]) for top in range(0, height, rows)]
    directory = ImageFileDirectory_v2()
    for tag, value in _tiff_metadata(icc, exif, xmp):
        directory[tag] = value
    directory[ExifTags.Base.ImageWidth] = width
    directory[ExifTags.Base.ImageLength] = height
    directory[ExifTags.Base.BitsPerSample] = (samples.itemsize * 8,) * channels
    directory[ExifTags.Base.Compression] = _DEFLATE
    directory[ExifTags.Base.PhotometricInterpretation] = 2
    directory[ExifTags.Base.SamplesPerPixel] = channels
    directory[ExifTags.Base.RowsPerStrip] = rows
    directory[ExifTags.Base.Predictor] = _HORIZONTAL_DIFFERENCE
    if channels == 4:
        directory[ExifTags.Base.ExtraSamples] = _STRAIGHT_ALPHA
    sizes = [len(strip) for strip in strips]
    directory[ExifTags.Base.StripByteCounts] = tuple(sizes)
    directory[ExifTags.Base.StripOffsets] = tuple(np.cumsum([0, *sizes[:-1]]).tolist())
    with path.open("wb") as file:
        directory.save(file)
        file.writelines(strips)


def _rawmode(image: ImageFile.ImageFile) -> str:
    if not image.tile:
        return ""
    args = image.tile[0].args
    return str(args[0] if isinstance(args, tuple) else args)


def _decode(image: ImageFile.ImageFile, rawmode: str) -> NDArray[np.uint8]:
    for index, tile in enumerate(image.tile):
        args = (rawmode, *tile.args[1:]) if isinstance(tile.args, tuple) else rawmode
        image.tile[index] = tile._replace(args=args)
    return np.asarray(image, np.uint8)


def _join(high: NDArray[np.uint8], low: NDArray[np.uint8]) -> NDArray[np.uint16]:
    return np.stack([low, high], axis=-1).view("<u2")[..., 0].astype(np.uint16)


def _png_rows(samples: NDArray[np.uint16]) -> Iterator[bytes]:
    """Compressed rows, each stored as its difference from the row above (PNG filter 2)."""
    compressor = zlib.compressobj()
    above = np.zeros(samples[0].nbytes, np.uint8)
    for row in samples:
        current = row.astype(">u2").reshape(-1).view(np.uint8)
        if data := compressor.compress(b"\x02" + (current - above).tobytes()):
            yield data
        above = current
    yield compressor.flush()


def _tiff_strip(rows: NDArray[Any]) -> bytes:
    """Compressed rows, each sample stored as its difference from the one on its left."""
    difference = np.diff(rows, axis=1, prepend=np.zeros_like(rows[:, :1]))
    return zlib.compress(difference.astype(rows.dtype.newbyteorder("<")).tobytes())


def _tiff_metadata(icc: bytes, exif: bytes | None, xmp: bytes | None) -> Iterator[tuple[int, Any]]:
    if exif:
        loaded = load_exif(exif)
        for tag in loaded:
            nested = tag in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
            yield tag, dict(loaded.get_ifd(tag)) if nested else loaded[tag]
    yield _ICC_TAG, icc
    if xmp:
        yield _XMP_TAG, xmp

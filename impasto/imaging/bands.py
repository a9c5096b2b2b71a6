"""Pictures written from top to bottom, as their parts are made."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from impasto.errors import ImageError, UsageError
from impasto.imaging.arrays import over_white
from impasto.imaging.color import SRGB_PROFILE
from impasto.imaging.depth16 import _DEFLATE, _HORIZONTAL_DIFFERENCE, _STRAIGHT_ALPHA, _tiff_metadata
from impasto.imaging.encoding import _JPEG_EXIF_LIMIT, SampleArray, find_format, wholly
from impasto.imaging.files import replacing
from impasto.imaging.io import check_output
from impasto.imaging.metadata import pack_record

Samples = NDArray[Any]  # (rows, W, 3 or 4) uint8 or uint16, alpha straight

_TILE = 256  # pixels: viewers read what they show
_LEVEL = 1  # of deflate: five times as fast as the usual 6, for a file a fifth larger
_CLASSIC_BYTES = 4_000_000_000  # more may need a BigTIFF's longer offsets
_LONG, _LONG8 = 4, 16


def is_tiff(path: str | os.PathLike[str]) -> bool:
    """Return whether a picture is written without ever being in memory whole."""
    return Path(path).suffix.lower() in (".tif", ".tiff")


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
    """`imaging.io.write` for bands of samples, the topmost first, (height, width) in all.

    A TIFF grows with them; for any other kind of file they are collected. Raises as `imaging.io.write`,
    before the first band is asked for if it is not of the disk.
    """
    target = check_output(path, bit_depth=bit_depth)
    kind = find_format(target, bit_depth)
    if max(size) > kind.longest_side:
        raise UsageError(f"{target} cannot be written: {kind.name} ends at {kind.longest_side} pixels a side")
    xmp = None if record is None else pack_record(record)
    with replacing(target) as temporary:
        if is_tiff(target):
            with temporary.open("wb") as file:
                tiff = TiledTiff(file, size, channels, bit_depth)
                for band in bands:
                    tiff.add(band)
                tiff.finish(exif, xmp)
            return
        samples = _collect(bands, size, channels if kind.has_alpha else 3, bit_depth)
        save = _save_jpeg if kind.name == "JPEG" else kind.save
        try:
            save(temporary, SampleArray(samples, exif, xmp, quality))
        except ValueError as error:
            raise ImageError(f"{target} could not be written: {error}") from error


class TiledTiff:
    """A TIFF of tiles, compressed by deflate. Its directory, which tells where they are, comes last."""

    def __init__(self, file: BinaryIO, size: tuple[int, int], channels: int, bit_depth: int) -> None:
        self._file, self._size, self._depth = file, size, bit_depth
        height, width = size
        self._is_big = height * width * channels * bit_depth // 8 > _CLASSIC_BYTES
        self._waiting: Samples = np.empty((0, width, channels), np.uint8 if bit_depth == 8 else np.uint16)
        self._places: list[int] = []
        self._lengths: list[int] = []
        file.write(self._header(0))

    def add(self, band: Samples) -> None:
        """The next rows."""
        rows = np.concatenate([self._waiting, band])
        whole = len(rows) // _TILE * _TILE
        for top in range(0, whole, _TILE):
            self._write_tiles(rows[top : top + _TILE])
        self._waiting = rows[whole:].copy()

    def finish(self, exif: bytes | None, xmp: bytes | None) -> None:
        """Write what is left, and the directory."""
        if len(self._waiting):
            missing = _TILE - len(self._waiting)
            self._write_tiles(np.pad(self._waiting, ((0, missing), (0, 0), (0, 0)), "edge"))
        self._file.write(b"\0" * (self._file.tell() % 2))
        place = self._file.tell()
        self._file.write(self._directory(exif, xmp).tobytes(place))
        self._file.seek(0)
        self._file.write(self._header(place))

    def _write_tiles(self, rows: Samples) -> None:
        for left in range(0, rows.shape[1], _TILE):
            tile = rows[:, left : left + _TILE]
            tile = np.pad(tile, ((0, 0), (0, _TILE - tile.shape[1]), (0, 0)), "edge")
            difference = np.diff(tile, axis=1, prepend=np.zeros_like(tile[:, :1]))
            data = zlib.compress(difference.astype(tile.dtype.newbyteorder("<")).tobytes(), _LEVEL)
            self._places.append(self._file.tell())
            self._lengths.append(self._file.write(data))

    def _header(self, place: int) -> bytes:
        if self._is_big:
            return b"II+\0\x08\0\0\0" + place.to_bytes(8, "little")
        return b"II*\0" + place.to_bytes(4, "little")

    def _directory(self, exif: bytes | None, xmp: bytes | None) -> ImageFileDirectory_v2:
        directory, tag, channels = (
            ImageFileDirectory_v2(self._header(0)),
            ExifTags.Base,
            self._waiting.shape[2],
        )
        for name, value in _tiff_metadata(SRGB_PROFILE, exif, xmp):
            directory[name] = value
        directory[tag.ImageLength], directory[tag.ImageWidth] = self._size
        directory[tag.BitsPerSample] = (self._depth,) * channels
        directory[tag.Compression] = _DEFLATE
        directory[tag.PhotometricInterpretation] = 2
        directory[tag.SamplesPerPixel] = channels
        directory[tag.Predictor] = _HORIZONTAL_DIFFERENCE
        directory[tag.TileWidth] = directory[tag.TileLength] = _TILE
        if channels == 4:
            directory[tag.ExtraSamples] = _STRAIGHT_ALPHA
        for name, values in ((tag.TileOffsets, self._places), (tag.TileByteCounts, self._lengths)):
            directory.tagtype[name] = _LONG8 if self._is_big else _LONG
            directory[name] = tuple(values)
        return directory


def _save_jpeg(path: Path, picture: SampleArray) -> None:
    """As for small pictures, but with the usual code tables: to find the best ones, libjpeg would hold the
    picture for a second time, in six bytes a pixel.
    """
    exif = picture.exif or b""
    with path.open("wb") as file:
        Image.fromarray(picture.samples).save(
            wholly(file),
            "JPEG",
            quality=picture.quality,
            subsampling=0,
            icc_profile=SRGB_PROFILE,
            exif=exif if len(exif) <= _JPEG_EXIF_LIMIT else b"",
            xmp=picture.xmp or b"",
            **picture.density,
        )


def _collect(bands: Iterable[Samples], size: tuple[int, int], channels: int, bit_depth: int) -> Samples:
    """All bands in one array; laid over white where alpha is one channel too many."""
    samples: Samples = np.empty((*size, channels), np.uint8 if bit_depth == 8 else np.uint16)
    top = 0
    for band in bands:
        samples[top : top + len(band)] = (
            band if band.shape[2] == channels else over_white(band[..., :3], band[..., 3])
        )
        top += len(band)
    return samples

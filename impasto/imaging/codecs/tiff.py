"""TIFF: written whole or band by band; read also where Pillow cannot, with a check for raw photos."""

from __future__ import annotations

import zlib
from io import BytesIO
from pathlib import Path
from typing import IO, Any, BinaryIO, Literal

import numpy as np
from PIL import ExifTags, Image, ImageFile
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile

from impasto.errors import ImageError, MissingExtraError
from impasto.imaging.codecs.base import SampleArray, Samples
from impasto.imaging.codecs.sixteen_bits import Deep, DeepFile
from impasto.imaging.color import SRGB_PROFILE, to_range
from impasto.imaging.metadata import load_exif

_TAG = ExifTags.Base
_ORDERS: dict[bytes, Literal["little", "big"]] = {b"II": "little", b"MM": "big"}
_INTEGERS = {1: 1, 3: 2, 4: 4, 13: 4, 16: 8, 18: 8}  # bytes, by the type of a tag
_MOST_TAGS, _MOST_VALUES = 4096, 16
_YCBCR, _FLOAT, _SEPARATE, _REDUCED = 6, 3, 2, 1
_MOSAIC = (32803, 34892)  # photometric interpretations of raw photos
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_RAW_STARTS = (
    b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FOVb", b"\0MRM",
)  # fmt: skip
_RAW_PARTS = ((4, b"ftypcrx "), (6, b"HEAPCCDR"), (8, b"CR\2"))  # CR3, CRW, CR2
_DEFLATE, _HORIZONTAL_DIFFERENCE, _STRAIGHT_ALPHA, _RGB = 8, 2, 2, 2
_XMP_TAG, _ICC_TAG = 700, 34675
_STRIP_BYTES = 1 << 20
_TILE = 256  # pixels: viewers read what they show
_USUAL_LEVEL = -1  # of deflate
_FAST_LEVEL = 1  # five times as fast as the usual one, for a file a fifth larger
_CLASSIC_BYTES = 4_000_000_000  # more may need a BigTIFF's longer offsets
_LONG, _LONG8 = 4, 16

Tags = dict[int, tuple[int, ...]]


def read_tags(file: IO[bytes]) -> tuple[Tags, list[Tags]]:
    """Read the integers of a TIFF's first directory, and those of its SubIFDs and of the next directory."""
    reader = _TagReader(file)
    tags, following = reader.read(reader.first)
    places = [*tags.get(_TAG.SubIFDs, ()), *([following] if following else [])]
    return tags, [reader.read(place)[0] for place in places]


def is_raw(file: IO[bytes], name: str) -> bool:
    """Return whether a file is the raw photo of a camera, whose first picture is a thumbnail.

    Raises ImageError for any other TIFF whose main picture is not the first.
    """
    file.seek(0)
    head = file.read(16)
    if head.startswith(_RAW_STARTS) or any(head[at:].startswith(part) for at, part in _RAW_PARTS):
        return True
    if not is_tiff(head):
        return False
    tags, others = read_tags(file)
    kinds = {one.get(_TAG.PhotometricInterpretation, (0,))[0] for one in (tags, *others)}
    if _TAG.DNGVersion in tags or kinds.intersection(_MOSAIC):
        return True
    is_reduced = bool(tags.get(_TAG.NewSubfileType, (0,))[0] & _REDUCED) and bool(others)
    if is_reduced or _has_larger(tags, others):
        raise ImageError(
            f"the first picture of {name} is a thumbnail of its main one; save the main picture as a "
            "TIFF or JPEG of its own"
        )
    return False


def is_tiff(head: bytes) -> bool:
    """Return whether the first bytes of a file are those of a TIFF or BigTIFF."""
    return head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def is_float(tags: Tags) -> bool:
    """Return whether a TIFF holds floats of a kind that Pillow does not decode: all but gray of 32 bits."""
    bits, channels = tags.get(_TAG.BitsPerSample, (1,)), tags.get(_TAG.SamplesPerPixel, (1,))[0]
    return tags.get(_TAG.SampleFormat, (1,))[0] == _FLOAT and (channels > 1 or bits[0] != 32)


def decode_by_libtiff(image: ImageFile.ImageFile) -> None:
    """Have an opened YCbCr TIFF without compression decoded by libtiff, as Pillow does it with any other."""
    if not (isinstance(image, TiffImageFile) and image.tile and image.tile[0].codec_name == "raw"):
        return
    if image.tag_v2.get(_TAG.PhotometricInterpretation) == _YCBCR:
        extents = 0, 0, image.tag_v2[_TAG.ImageWidth], image.tag_v2[_TAG.ImageLength]
        image.use_load_libtiff = True
        image.tile = [
            image.tile[0]._replace(
                codec_name="libtiff",
                extents=extents,
                offset=0,
                args=("RGBX", "raw", False, image.tag_v2.offset),
            )
        ]


class FloatTiff(DeepFile):
    """A TIFF of which `is_float` holds."""

    format = "TIFF"

    def _open(self) -> None:
        assert self.fp
        self._tags, _ = read_tags(self.fp)
        self._size = self._tags[_TAG.ImageWidth][0], self._tags[_TAG.ImageLength][0]
        self._mode = _MODES[self._tags.get(_TAG.SamplesPerPixel, (1,))[0]]

    def getexif(self) -> Image.Exif:
        return self.exif_of_tiff()

    def samples(self, name: str) -> tuple[Deep, str | None]:
        """Decode to (H, W, C), with a note if the values were tone-mapped."""
        is_planar = self._tags.get(_TAG.PlanarConfiguration, (1,))[0] == _SEPARATE
        if is_planar and self._tags[_TAG.BitsPerSample][0] != 32:
            raise ImageError(f"{name} keeps its channels in separate planes; save it interleaved")
        vips = load_vips(f"Reading {name}, a TIFF of floats,")
        decoded = vips.Image.new_from_buffer(self.content(), "", fail_on="error").numpy()
        values, note = to_range(decoded.reshape(self.height, self.width, -1), name)
        return np.rint(values * 65535).astype(np.uint16), note


def _has_larger(tags: Tags, others: list[Tags]) -> bool:
    """Return whether SubIFDs hold a larger picture; pages of a document may be of any size."""
    others = others[: len(tags.get(_TAG.SubIFDs, ()))]
    return any(one.get(_TAG.ImageWidth, (0,))[0] > tags.get(_TAG.ImageWidth, (0,))[0] for one in others)


class _TagReader:
    """Reads the directories of a TIFF, of each no more than a few values of each tag."""

    def __init__(self, file: IO[bytes]) -> None:
        file.seek(0)
        head = file.read(16)
        self._file, self._order = file, _ORDERS[head[:2]]
        is_big = b"+" in head[2:4]
        self._count_bytes, self._place_bytes = (8, 8) if is_big else (2, 4)
        self.first = int.from_bytes(head[8:16] if is_big else head[4:8], self._order)

    def read(self, place: int) -> tuple[Tags, int]:
        """Read tags with their integers, and the position of the next directory."""
        self._file.seek(min(place, 2**62))
        number = min(int.from_bytes(self._file.read(self._count_bytes), self._order), _MOST_TAGS)
        entries = BytesIO(self._file.read(number * (4 + 2 * self._place_bytes)))
        following = int.from_bytes(self._file.read(self._place_bytes), self._order)
        tags: Tags = {}
        while len(head := entries.read(4)) == 4:
            tag, kind = (int.from_bytes(head[at : at + 2], self._order) for at in (0, 2))
            count = min(int.from_bytes(entries.read(self._place_bytes), self._order), _MOST_VALUES)
            if values := self._values(kind, count, entries.read(self._place_bytes)):
                tags[tag] = values
        return tags, following

    def _values(self, kind: int, count: int, stored: bytes) -> tuple[int, ...]:
        size = _INTEGERS.get(kind, 0)
        if count * size > self._place_bytes:
            self._file.seek(min(int.from_bytes(stored, self._order), 2**62))
            stored = self._file.read(count * size)
        starts = range(0, count * size, size or 1)
        return tuple(int.from_bytes(stored[at : at + size], self._order) for at in starts)


def save(path: Path, picture: SampleArray) -> None:
    """Write a TIFF in strips, compressed by deflate."""
    samples = picture.samples
    rows = max(1, _STRIP_BYTES // samples[0].nbytes)
    strips = [_compress(samples[top : top + rows], _USUAL_LEVEL) for top in range(0, len(samples), rows)]
    directory = ImageFileDirectory_v2()
    _describe(directory, samples.shape, samples.itemsize * 8, picture.exif, picture.xmp)
    directory[_TAG.RowsPerStrip] = rows
    sizes = [len(strip) for strip in strips]
    directory[_TAG.StripByteCounts] = tuple(sizes)
    directory[_TAG.StripOffsets] = tuple(np.cumsum([0, *sizes[:-1]]).tolist())
    with path.open("wb") as file:
        directory.save(file)
        file.writelines(strips)


class TiledTiff:
    """A TIFF written from top to bottom in tiles, compressed by deflate; their directory comes last."""

    def __init__(self, file: BinaryIO, size: tuple[int, int], channels: int, bit_depth: int) -> None:
        self._file, self._size, self._depth = file, size, bit_depth
        height, width = size
        self._is_big = height * width * channels * bit_depth // 8 > _CLASSIC_BYTES
        self._waiting: Samples = np.empty((0, width, channels), np.uint8 if bit_depth == 8 else np.uint16)
        self._places: list[int] = []
        self._lengths: list[int] = []
        file.write(self._header(0))

    def add(self, band: Samples) -> None:
        """Add the next rows."""
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
            self._places.append(self._file.tell())
            self._lengths.append(self._file.write(_compress(tile, _FAST_LEVEL)))

    def _header(self, place: int) -> bytes:
        if self._is_big:
            return b"II+\0\x08\0\0\0" + place.to_bytes(8, "little")
        return b"II*\0" + place.to_bytes(4, "little")

    def _directory(self, exif: bytes | None, xmp: bytes | None) -> ImageFileDirectory_v2:
        directory = ImageFileDirectory_v2(self._header(0))
        _describe(directory, (*self._size, self._waiting.shape[2]), self._depth, exif, xmp)
        directory[_TAG.TileWidth] = directory[_TAG.TileLength] = _TILE
        for name, values in ((_TAG.TileOffsets, self._places), (_TAG.TileByteCounts, self._lengths)):
            directory.tagtype[name] = _LONG8 if self._is_big else _LONG
            directory[name] = tuple(values)
        return directory


def _describe(
    directory: ImageFileDirectory_v2,
    shape: tuple[int, ...],
    bit_depth: int,
    exif: bytes | None,
    xmp: bytes | None,
) -> None:
    """Set the tags of RGB samples (height, width, 3 or 4 channels), except their positions in the file."""
    if exif:
        loaded = load_exif(exif)
        for tag in loaded:
            nested = tag in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
            directory[tag] = dict(loaded.get_ifd(tag)) if nested else loaded[tag]
    directory[_ICC_TAG] = SRGB_PROFILE
    if xmp:
        directory[_XMP_TAG] = xmp
    channels = shape[2]
    directory[_TAG.ImageLength], directory[_TAG.ImageWidth] = shape[:2]
    directory[_TAG.BitsPerSample] = (bit_depth,) * channels
    directory[_TAG.Compression] = _DEFLATE
    directory[_TAG.PhotometricInterpretation] = _RGB
    directory[_TAG.SamplesPerPixel] = channels
    directory[_TAG.Predictor] = _HORIZONTAL_DIFFERENCE
    if channels == 4:
        directory[_TAG.ExtraSamples] = _STRAIGHT_ALPHA


def _compress(rows: Samples, level: int) -> bytes:
    """Compress rows, each sample stored as its difference from the one on its left."""
    difference = np.diff(rows, axis=1, prepend=np.zeros_like(rows[:, :1]))
    return zlib.compress(difference.astype(rows.dtype.newbyteorder("<")).tobytes(), level)


def load_vips(purpose: str) -> Any:
    """Import pyvips, without the decoders that libvips calls unsafe: SVG, PDF, ImageMagick's.

    Raises MissingExtraError, which begins with the purpose.
    """
    try:
        import pyvips
    except (ImportError, OSError) as error:  # OSError: the binding without its library
        raise MissingExtraError("pyvips", "huge", purpose) from error
    pyvips.block_untrusted_set(True)
    return pyvips

"""TIFF files that Pillow cannot decode, or whose first picture is not the main one."""

from __future__ import annotations

from io import BytesIO
from typing import IO, Literal

import numpy as np
from PIL import ExifTags, Image, ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from impasto.errors import ImageError
from impasto.imaging.depth16 import Deep, DeepFile
from impasto.imaging.tone import to_range
from impasto.imaging.vips import load_vips

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

Tags = dict[int, tuple[int, ...]]


def read_tags(file: IO[bytes]) -> tuple[Tags, list[Tags]]:
    """The integers of a TIFF's first directory, and those of its SubIFDs and of the directory behind it."""
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
        """(H, W, C), and a note if they were tone-mapped."""
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
        """Tags with their integers, and where the next directory is."""
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

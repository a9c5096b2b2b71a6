"""Limits on what a picture file holds, counted from its bytes before anything is decoded.

Decoders go through all of it, some in a time that grows with its square, and fill in what is not there.
Without limits, files of a few kilobytes would take minutes or gigabytes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import SEEK_CUR, SEEK_END, BytesIO
from typing import IO, Any, Literal

import numpy as np
from PIL import Image

from impasto.errors import ImageError

# What is counted, and how much of it there may be: more than any program writes.
MOST = {
    "scans": 100,  # of a JPEG: encoders write some 10, and those that search for the best try 64
    "EXIF segments": 64,  # of a JPEG: one by the standard, a few of some cameras
    "segments": 5_000,  # of a JPEG: a depth map or a signed history takes some hundreds, of 64 KB each
    "frames": 100_000,  # of an animation: an hour at 25 a second
    "comment blocks": 10_000,  # of a GIF: 2.5 MB of comments
    "data blocks": 2_000_000,  # of a GIF: 500 MB of pixels
    "chunks": 500_000,  # of a PNG or WebP: encoders put 8 KB or more of pixels into each, 4 GB in all
    "items": 10_000,  # of a HEIC or AVIF, in each of its lists: a tile of 512 pixels is in four
    "boxes": 50_000,  # of a HEIC or AVIF: a few for each item
    "color profiles": 8,  # of a PNG: one by the standard
    "directories": 20_000,  # of a TIFF: one a page
    "tags": 500_000,  # of a TIFF or EXIF: cameras write 100
    "bytes of tags": 1 << 26,  # of a TIFF or EXIF, beyond twice its length: values may share their bytes
    "comments": 1_000,  # of a PPM in text: a line or two of the program that wrote it
    "run-length coded pixels": 25_000_000,  # of a BMP: nothing larger is stored in this way
}

_BLOCK = 4096
# Of a JPEG; but for those without content, and those that Pillow passes over as if they had none.
_MARKER = re.compile(rb"\xff[^\x00\x01\xc8\xd0-\xd8\xf0-\xfd\xff]")
SCAN, END, _APP1, _BASELINE = 0xDA, 0xD9, 0xE1, 0xC0  # markers of a JPEG
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # markers that say how a JPEG is coded
_EXIF = b"Exif\0\0"
_NESTED = (0x8769, 0x8825, 0xA005)  # tags of TIFF that lead to directories of EXIF
_TYPE_BYTES = np.array([0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 0], float)  # by number, else 0
_ORDERS: dict[bytes, Literal["little", "big"]] = {b"II": "little", b"MM": "big"}


class _Counts:
    """Counts what a file holds. Raises ImageError when there is too much of something."""

    def __init__(self, name: str) -> None:
        self._name, self._counts = name, Counter[str]()

    def add(self, what: str, number: int = 1, beside: int = 0) -> None:
        """Count `number` more. `beside` is how much of it may be there in addition to the limit."""
        self._counts[what] += number
        if self._counts[what] > (most := MOST[what] + beside):
            raise ImageError(
                f"{self._name} has more than {most:,} {what}, the limit that keeps decoding from taking very "
                "long; save it anew with another program"
            )


def check_counts(file: IO[bytes], kind: str, name: str) -> None:
    """Raise ImageError if a file, of a Pillow format or "HEIC", holds more than `MOST` of something."""
    if kind in _COUNTERS:
        file.seek(0)
        _COUNTERS[kind](file, _Counts(name))


def check_exif(image: Image.Image, name: str) -> None:
    """Raise ImageError if the EXIF data of an opened picture hold more than `MOST` of something."""
    exif = image.info.get("exif") or b""
    if not exif and (text := image.info.get("Raw profile type exif")):  # in hexadecimal, below three lines
        with suppress(ValueError):
            exif = bytes.fromhex("".join(text.split("\n")[3:]))
    _count_exif(exif, _Counts(name))


def _count_jpeg(file: IO[bytes], counts: _Counts) -> None:
    exif = b""
    for marker, length in jpeg_segments(file):
        if marker == END:
            break
        counts.add("scans" if marker == SCAN else "segments")
        if marker == _APP1 and file.read(min(length, len(_EXIF))) == _EXIF:
            counts.add("EXIF segments")
            exif += file.read(length - len(_EXIF))
    _count_exif(exif, counts)


def decodes_quickly(file: IO[bytes]) -> bool:
    """Return whether a file is a JPEG whose pixels are decoded in one pass, at some 10 ns each."""
    file.seek(0)
    if file.read(2) != b"\xff\xd8":
        return False
    frames, scans, segments = [], 0, 0
    for marker, _ in jpeg_segments(file):
        frames += [marker] if marker in _FRAMES else []
        scans, segments = scans + (marker == SCAN), segments + 1
        if segments > MOST["segments"]:
            return False
    return frames == [_BASELINE] and scans <= 4  # one for each channel


def jpeg_segments(file: IO[bytes]) -> Iterator[tuple[int, int]]:
    """Go through the segments of a JPEG, from where the file stands: marker, and length of the content.

    The file stands at the content of each. The last is END, behind the pixels; one before them does not
    count, as Pillow passes over it.
    """
    has_pixels = False
    while marker := _next_marker(file):
        if marker == END:
            if has_pixels:
                yield marker, 0
                return
            continue
        has_pixels = has_pixels or marker == SCAN
        length = max(0, int.from_bytes(file.read(2)) - 2)
        following = file.tell() + length
        yield marker, length
        file.seek(following)


def _next_marker(file: IO[bytes]) -> int | None:
    """Find the next marker of a JPEG, and leave the file behind it; None at the end."""
    while block := file.read(_BLOCK):
        if found := _MARKER.search(block):
            file.seek(found.end() - len(block), SEEK_CUR)
            return found[0][1]
        if block[-1] == 0xFF and len(block) > 1:  # perhaps half of one
            file.seek(-1, SEEK_CUR)
    return None


def _count_gif(file: IO[bytes], counts: _Counts) -> None:
    _skip_palette(file, file.read(13)[10:11])
    while (kind := file.read(1)) not in (b"", b";"):
        if kind == b"!":
            _count_blocks(file, counts, "comment blocks" if file.read(1) == b"\xfe" else "data blocks")
        elif kind == b",":
            counts.add("frames")
            _skip_palette(file, file.read(9)[8:9])
            file.seek(1, SEEK_CUR)
            _count_blocks(file, counts, "data blocks")


def _skip_palette(file: IO[bytes], flags: bytes) -> None:
    if flags and flags[0] & 0x80:
        file.seek(3 << (flags[0] & 7) + 1, SEEK_CUR)


def _count_blocks(file: IO[bytes], counts: _Counts, what: str) -> None:
    while (length := file.read(1)) not in (b"", b"\0"):
        counts.add(what)
        file.seek(length[0], SEEK_CUR)


def _count_png(file: IO[bytes], counts: _Counts) -> None:
    file.seek(8)
    while len(head := file.read(8)) == 8 and head[4:] != b"IEND":
        counts.add("chunks")
        length = int.from_bytes(head[:4])
        if head[4:] == b"iCCP":
            counts.add("color profiles")
        if head[4:] == b"acTL":
            content = file.read(min(length, 4))
            counts.add("frames", int.from_bytes(content))
            length -= len(content)
        if head[4:] == b"eXIf":
            content = file.read(length)
            _count_exif(content, counts)
            length -= len(content)
        file.seek(length + 4, SEEK_CUR)


def _count_webp(file: IO[bytes], counts: _Counts) -> None:
    file.seek(12)
    while len(head := file.read(8)) == 8:
        counts.add("frames" if head[:4] == b"ANMF" else "chunks")
        length = int.from_bytes(head[4:], "little")
        file.seek(length + length % 2, SEEK_CUR)


def _count_boxes(file: IO[bytes], counts: _Counts) -> None:
    """Count the boxes of a HEIC or AVIF, and what those say that there is, of which decoders make lists."""
    _count_boxes_within(file, 0, file.seek(0, SEEK_END), counts, _DEEPEST)


def _count_boxes_within(file: IO[bytes], place: int, end: int, counts: _Counts, levels: int) -> None:
    while place + 8 <= end:
        file.seek(place)
        head = file.read(28)
        length, kind, content = int.from_bytes(head[:4]), head[4:8], 8
        if length == 1:  # it follows, in 8 bytes
            length, content = int.from_bytes(head[8:16]), 16
        following = min(end, place + length) if length else end
        if following < place + content:  # damaged
            return
        counts.add("boxes")
        said = head[content:]
        if kind in (b"stsz", b"stz2"):
            counts.add("frames", int.from_bytes(said[8:12]))
        elif kind in _ITEM_COUNTS:
            counts.add("items", _ITEM_COUNTS[kind](said[0] if said else 0, said))
        elif kind == b"iref":
            _count_references(file, place + content, following, counts)
        elif kind in _INNER and levels:
            _count_boxes_within(file, place + content + _INNER[kind], following, counts, levels - 1)
        place = following


def _count_references(file: IO[bytes], place: int, end: int, counts: _Counts) -> None:
    file.seek(place)
    size = 4 if file.read(1) > b"\0" else 2  # of the number of an item
    place += 4
    while place + 8 <= end:
        file.seek(place)
        head = file.read(10 + size)
        counts.add("boxes")
        counts.add("items", int.from_bytes(head[8 + size :]))
        place += max(8, int.from_bytes(head[:4]))


def _count_bmp(file: IO[bytes], counts: _Counts) -> None:
    head = file.read(34)
    header, width, height = (int.from_bytes(head[at : at + 4], "little", signed=True) for at in (14, 18, 22))
    if header >= 40 and head[30:34] in (b"\1\0\0\0", b"\2\0\0\0"):
        counts.add("run-length coded pixels", abs(width * height))


def _count_ppm(file: IO[bytes], counts: _Counts) -> None:
    if file.read(2) in (b"P1", b"P2", b"P3"):  # numbers in text
        while block := file.read(1 << 16):
            counts.add("comments", block.count(b"#"))


def _count_exif(exif: bytes, counts: _Counts) -> None:
    while exif.startswith(_EXIF):
        exif = exif[len(_EXIF) :]
    _count_tiff(BytesIO(exif), counts)


def _count_tiff(file: IO[bytes], counts: _Counts) -> None:
    """Count directories, which are pages and what belongs to the first page, with their tags."""
    head = file.read(16)
    if head[:2] not in _ORDERS or len(head) < 16:
        return
    reader, seen = _DirectoryReader(file, head, counts), set[int]()
    waiting = [(reader.first, True, True)]
    while waiting:
        place, is_page, is_first = waiting.pop()
        if place and place not in seen:
            seen.add(place)
            following, nested = reader.read(place)
            waiting += [(following, True, False)] * is_page
            waiting += [(each, False, True) for each in nested] * is_first


class _DirectoryReader:
    """Reads the directories of a TIFF and counts what Pillow will read for them."""

    def __init__(self, file: IO[bytes], head: bytes, counts: _Counts) -> None:
        is_big = head[2] == 43  # as Pillow tells it
        self._file, self._counts, self._order = file, counts, _ORDERS[head[:2]]
        self._count_bytes, self._place_bytes = (8, 8) if is_big else (2, 4)
        place = "u8" if is_big else "u4"
        fields = [("tag", "u2"), ("type", "u2"), ("count", place), ("value", place)]
        self._layout = np.dtype(fields).newbyteorder(">" if self._order == "big" else "<")
        self._length = file.seek(0, SEEK_END)
        self.first = int.from_bytes(head[8:16] if is_big else head[4:8], self._order)

    def read(self, place: int) -> tuple[int, list[int]]:
        """Position of the next directory, or 0, and of those that tags of this one lead to."""
        if place >= self._length:
            return 0, []
        self._counts.add("directories")
        self._file.seek(place)
        said = self._integer(self._count_bytes)
        number = min(said, max(0, self._length - self._file.tell()) // self._layout.itemsize)
        self._counts.add("tags", number)
        entries = np.frombuffer(self._file.read(number * self._layout.itemsize), self._layout)
        following = self._integer(self._place_bytes) if number == said else 0
        sizes = entries["count"] * _TYPE_BYTES[np.minimum(entries["type"], len(_TYPE_BYTES) - 1)]
        is_read = (sizes > self._place_bytes) & (entries["value"] + sizes <= self._length)
        self._counts.add("bytes of tags", int(sizes[is_read].sum()), beside=2 * self._length)
        nested = entries[np.isin(entries["tag"], _NESTED)]
        return following, [self._value(entry) for entry in nested]

    def _value(self, entry: Any) -> int:
        """Read the number of an entry, or one that leads nowhere."""
        size = int(_TYPE_BYTES[min(entry["type"], len(_TYPE_BYTES) - 1)])
        value = int(entry["value"])
        stored = value.to_bytes(self._place_bytes, self._order)
        if int(entry["count"]) * size > self._place_bytes:
            self._file.seek(min(value, self._length))
            stored = self._file.read(size)
        return int.from_bytes(stored[:size], self._order)

    def _integer(self, size: int) -> int:
        return int.from_bytes(self._file.read(size), self._order)


_DEEPEST = 16  # levels of boxes: decoders go through half as many
_INNER = {  # boxes that hold others, and the bytes before those
    b"meta": 4, b"iprp": 0, b"ipco": 0, b"moov": 0, b"trak": 0, b"mdia": 0, b"minf": 0, b"stbl": 0,
}  # fmt: skip
_ITEM_COUNTS: dict[bytes, Callable[[int, bytes], int]] = {  # by the version of a box, from its content
    b"iinf": lambda version, said: int.from_bytes(said[4 : 8 if version else 6]),
    b"iloc": lambda version, said: int.from_bytes(said[6 : 10 if version > 1 else 8]),
    b"ipma": lambda _, said: int.from_bytes(said[4:8]),
}

_COUNTERS: dict[str, Callable[[IO[bytes], _Counts], None]] = {
    "JPEG": _count_jpeg,
    "GIF": _count_gif,
    "PNG": _count_png,
    "WEBP": _count_webp,
    "BMP": _count_bmp,
    "PPM": _count_ppm,
    "TIFF": _count_tiff,
    "AVIF": _count_boxes,
    "HEIC": _count_boxes,
}

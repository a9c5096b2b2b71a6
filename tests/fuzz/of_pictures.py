"""Targets that read pictures, and what stands in pictures beside the pixels."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from impasto.imaging import io
from impasto.imaging.color import SRGB_PROFILE
from impasto.imaging.limits import check_counts
from impasto.imaging.masks import read_mask, share_out
from impasto.imaging.sources import ImageSource, find_size, open_large, open_streamed, shrunk
from impasto.imaging.style import read_style
from impasto.painting.base import make_record, options_from
from impasto.painting.options import PaintOptions
from impasto.stylizing.images import is_made
from tests.fuzz.seeds import STEP, exif, pictures, record
from tests.fuzz.target import MOST_PIXELS, Target, stored

_ROWS = 8


def _read_picture(data: bytes, folder: Path) -> None:
    image, info = io.read(stored(data, folder, "picture"), max_pixels=MOST_PIXELS)
    _check(image, info.size)
    if info.alpha is not None:
        assert info.alpha.shape == (1, *info.size)
        assert 0 <= float(info.alpha.min()) <= float(info.alpha.max()) <= 1


def _check(image: Tensor, size: tuple[int, int]) -> None:
    """What `io.read` promises."""
    assert image.shape == (3, *size)
    assert image.dtype == torch.float32
    assert image.isfinite().all()
    assert 0 <= float(image.min()) <= float(image.max()) <= 1


def _count(data: bytes, folder: Path) -> None:
    """What is counted before decoding, where nothing turns a surprise into a sentence."""
    for kind in ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "PPM"):
        check_counts(BytesIO(data), kind, "picture")


def _read_large(data: bytes, folder: Path) -> None:
    source, info = open_large(stored(data, folder, "picture"), max_pixels=MOST_PIXELS)
    assert info.size == source.size
    _look_at(source)


def _read_streamed(data: bytes, folder: Path) -> None:
    """By libvips, once Pillow took the header, as in stylizing."""
    path = stored(data, folder, "picture")
    height, width = find_size(path)
    if height * width <= MOST_PIXELS:
        _look_at(open_streamed(path)[0])


def _look_at(source: ImageSource) -> None:
    height, width = source.size
    for top in range(0, height, max(_ROWS, height // 4)):
        region = source.region(top, 0, min(top + _ROWS, height), width)
        assert region.shape == (source.channels, min(_ROWS, height - top), width)
    assert shrunk(source, (_ROWS, _ROWS)).isfinite().all()
    source.close()


def _read_mask(data: bytes, folder: Path) -> None:
    with _small_only():
        mask, _ = read_mask(stored(data, folder, "mask"), (24, 31))
    assert mask.shape == (1, 24, 31)
    shares, _ = share_out([mask, 1 - mask], base=True)
    assert torch.allclose(torch.stack(shares).sum(0), torch.ones(1), atol=1e-4)


def _read_style(data: bytes, folder: Path) -> None:
    image, info = read_style(stored(data, folder, "style"), max_pixels=MOST_PIXELS)
    _check(image, info.size)


def _read_like(data: bytes, folder: Path) -> None:
    path = stored(data, folder, "painted")
    is_made(path, {"size": 512})
    _check_options(options_from(path))


def _read_record(data: bytes, folder: Path) -> None:
    """The text of a record, in a picture that has nothing wrong with it."""
    packet = io.pack_record(data.decode("utf-8", "replace"))
    _read_like(_png(_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet)), folder)


def _check_options(options: PaintOptions) -> None:
    for name in ("init", "backbone", "optimizer", "keep_color", "device"):
        assert isinstance(getattr(options, name), str), name
    assert all(weight == weight for weight in options.weights)
    assert options.gradients >= 1
    json.dumps(make_record(options, [], STEP))


def _read_exif(data: bytes, folder: Path) -> None:
    """In a JPEG, from which it goes into pictures of all kinds, which are read again."""
    segment = b"\xff\xe1" + struct.pack(">H", min(65535, len(data) + 2)) + data[:65533]
    jpeg = pictures()[0]
    image, info = io.read(stored(jpeg[:2] + segment + jpeg[2:], folder, "photo"), max_pixels=MOST_PIXELS)
    for suffix in (".jpg", ".png", ".tif", ".webp"):
        io.write(folder / f"picture{suffix}", image, exif=info.exif)
        assert find_size(folder / f"picture{suffix}") == info.size


def _read_profile(data: bytes, folder: Path) -> None:
    """Of 8 bits, and of 16, which ask differently what it does."""
    chunk = _chunk(b"iCCP", b"profile\0\0" + zlib.compress(data, 1))
    for depth in (8, 16):
        _read_picture(_png(chunk, depth), folder)


@cache
def _profiles() -> tuple[bytes, ...]:
    from PIL import ImageCms

    made = [ImageCms.ImageCmsProfile(ImageCms.createProfile(space)).tobytes() for space in ("LAB", "XYZ")]
    return (SRGB_PROFILE, *made)


def _png(extra: bytes, depth: int = 8) -> bytes:
    """A small one, with right checksums."""
    header = struct.pack(">IIBBBBB", 4, 2, depth, 2, 0, 0, 0)
    pixels = zlib.compress((b"\0" + bytes(range(4 * 3 * depth // 8))) * 2, 1)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + extra
        + _chunk(b"IDAT", pixels)
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    body = kind + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


@contextmanager
def _small_only() -> Iterator[None]:
    """`io.read` with our limit, where none is given: its own is for honest pictures of gigabytes."""
    defaults: dict[str, Any] = io.read.__kwdefaults__ or {}
    before = defaults["max_pixels"]
    defaults["max_pixels"] = MOST_PIXELS
    try:
        yield
    finally:
        defaults["max_pixels"] = before


def _records() -> Sequence[bytes]:
    return [record().encode(), json.dumps({"options": {"size": 64, "style_size": 2}}).encode()]


TARGETS = (
    Target("picture", pictures, _read_picture),
    Target("picture counts", pictures, _count),
    Target("large picture", pictures, _read_large),
    Target("streamed picture", pictures, _read_streamed),
    Target("mask", pictures, _read_mask),
    Target("style picture", pictures, _read_style),
    Target("like", lambda: pictures()[:8], _read_like),
    Target("record", _records, _read_record),
    Target("exif", lambda: [exif()], _read_exif),
    Target("color profile", _profiles, _read_profile),
)

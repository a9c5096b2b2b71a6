"""Pictures to begin with, of every kind that is read, and what they carry."""

from __future__ import annotations

import io as memory
import struct
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import ExifTags, Image
from torch import Tensor

from impasto.imaging import io
from impasto.imaging.color import SRGB_PROFILE
from impasto.imaging.metadata import pack_exif
from impasto.painting.base import make_record
from impasto.painting.options import PaintOptions
from impasto.progress import Step

_HEIGHT, _WIDTH = 40, 44  # pixels: a style needs 32
STEP = Step(0, 1, (_HEIGHT, _WIDTH), 1, 1, 1.0, {"total": 1.0, "style": 0.5}, lambda: torch.zeros(3, 1, 1))


def _pixels(channels: int = 3) -> NDArray[np.uint8]:
    """(H, W, C): soft colors with an edge, so that every kind of compression has something to do."""
    rows, columns = np.mgrid[:_HEIGHT, :_WIDTH]
    planes = [rows * (k + 2) + columns * (5 - k) + 60 * (rows > columns) for k in range(channels)]
    return (np.stack(planes, -1) % 256).astype(np.uint8)


def _tensor(channels: int = 3) -> Tensor:
    return torch.from_numpy(_pixels(channels)).permute(2, 0, 1).float() / 255


def exif() -> bytes:
    """As a camera writes it: main directory, details and place."""
    main = {ExifTags.Base.Make: "Maker", ExifTags.Base.Software: "impasto", ExifTags.Base.XResolution: 72.0}
    details = {ExifTags.Base.ExposureTime: 0.02, ExifTags.Base.MakerNote: b"notes" * 8}
    place = {ExifTags.GPS.GPSLatitudeRef: "N", ExifTags.GPS.GPSLatitude: (48.0, 51.0, 0.0)}
    return pack_exif(main, details, place) or b""


def record() -> str:
    return make_record(PaintOptions(style_layers=(("relu1_1", 1.0), ("relu2_1", 0.5))), [], STEP)


@cache
def pictures() -> tuple[bytes, ...]:
    """One file of every kind that is read, and more of the kinds that have many."""
    return (*_written(), *_saved())


def _written() -> list[bytes]:
    """By the package, with all that it can put into a file."""
    kinds: list[tuple[str, dict[str, Any]]] = [
        (".jpg", {}), (".png", {}), (".png", {"bit_depth": 16}), (".webp", {}), (".tif", {}),
        (".tif", {"bit_depth": 16}), (".png", {"alpha": _tensor(1)}), (".tif", {"alpha": _tensor(1)}),
    ]  # fmt: skip
    files = []
    with tempfile.TemporaryDirectory() as folder:
        for number, (suffix, given) in enumerate(kinds):
            path = Path(folder) / f"{number}{suffix}"
            io.write(path, _tensor(), exif=exif(), record=record(), **given)
            files.append(path.read_bytes())
    return files


def _saved() -> list[bytes]:
    """By Pillow: what impasto reads, but does not write."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    color, gray = Image.fromarray(_pixels()), Image.fromarray(_pixels(1)[..., 0])
    alpha, few = Image.fromarray(_pixels(4)), Image.fromarray(_pixels()).quantize(16)
    more = {"save_all": True, "append_images": [color.rotate(90, expand=False), color]}
    profile = {"icc_profile": SRGB_PROFILE}
    jobs: list[tuple[Image.Image, str, dict[str, Any]]] = [
        (color, "JPEG", {"progressive": True, **profile}), (color.convert("CMYK"), "JPEG", {}),
        (gray, "PNG", profile), (few, "PNG", {"transparency": 3}), (color, "PNG", {**more, "duration": 40}),
        (gray.convert("I;16"), "PNG", {}), (alpha, "WEBP", {"lossless": True}), (color, "WEBP", more),
        (color, "TIFF", {"compression": "tiff_lzw"}), (color, "TIFF", {"compression": "jpeg"}),
        (color, "TIFF", {**more, "compression": "packbits"}), (color.convert("LAB"), "TIFF", {}),
        (color.convert("CMYK"), "TIFF", {"big_tiff": True}), (gray.convert("F"), "TIFF", {}),
        (gray.convert("1"), "TIFF", {"compression": "group4"}), (gray.convert("I"), "TIFF", {}),
        (few, "GIF", {"transparency": 2}), (few, "GIF", more), (color, "BMP", {}), (few, "BMP", {}),
        (color, "AVIF", {}), (color, "HEIF", {"quality": 50}), (color, "JPEG2000", {}),
        (alpha, "JPEG2000", {"irreversible": True}), (color, "PPM", {}), (gray, "PPM", {}),
        (gray.convert("1"), "PPM", {}), (color, "QOI", {}),
    ]  # fmt: skip
    return [_bytes_of(*job) for job in jobs] + [_psd()]


def _bytes_of(image: Image.Image, kind: str, given: dict[str, Any]) -> bytes:
    file = memory.BytesIO()
    image.save(file, kind, **given)
    return file.getvalue()


def _psd() -> bytes:
    """A Photoshop file with nothing but its merged picture, which nothing here writes."""
    header = b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, _HEIGHT, _WIDTH, 8, 3)
    return header + bytes(12) + b"\0\0" + np.moveaxis(_pixels(), -1, 0).tobytes()

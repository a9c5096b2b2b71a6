"""Pictures of any size, read from disk from top to bottom: they are never in memory whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL.Image import Exif
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile
from torch import Tensor

from impasto.imaging.decoding import _pages, explaining, open_image
from impasto.imaging.files import open_file
from impasto.imaging.io import ImageInfo
from impasto.imaging.metadata import clean_exif, find_dpi, load_exif
from impasto.imaging.vips import load_vips

_ROWS = 64  # decoded at once: more take more memory, and no less time


class Streamed:
    """A `huge.Source` of a file, upright and in sRGB, at the depth of the file.

    Regions further down come quickly. For one that lies above the last, the file is read from its start
    again. Raises MissingExtraError without libvips, and ImageError for a damaged file, when made or read.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        with explaining(name):
            self._start()
        image = self._image
        self.size: tuple[int, int] = (image.height, image.width)
        self.channels: int = image.bands
        self.bit_depth = 16 if image.format == "ushort" else 8

    def region(self, top: int, left: int, bottom: int, right: int) -> Tensor:
        with explaining(self._name):
            part = self._rows(top, bottom)[:, left:right].transpose(2, 0, 1)
        return torch.from_numpy(np.divide(part, 2**self.bit_depth - 1, dtype=np.float32, order="C"))

    def close(self) -> None:
        del self._band, self._reader, self._image

    def exif(self) -> Exif:
        """Of a file that is no TIFF: libvips leaves those of TIFF out."""
        return load_exif(self._image.get("exif-data")) if self._image.get_typeof("exif-data") else Exif()

    def _start(self) -> None:
        self._image, self._reader = _open_image(self._name)
        self._top, self._band = 0, np.empty((0, self._image.width, self._image.bands), np.uint8)

    def _rows(self, top: int, bottom: int) -> NDArray[Any]:
        """(bottom - top, W, C), of which those that were read before are kept."""
        if top < self._top:
            self._start()
        read = self._top + len(self._band)
        if bottom > read:
            fresh = self._fetch(max(top, read), bottom)
            self._band = np.concatenate([self._band[top - self._top :], *fresh])
            self._top = top
        return self._band[top - self._top : bottom - self._top]

    def _fetch(self, top: int, bottom: int) -> Iterator[NDArray[Any]]:
        width, kind = self._image.width, np.uint16 if self._image.format == "ushort" else np.uint8
        for start in range(top, bottom, _ROWS):
            height = min(_ROWS, bottom - start)
            data = self._reader.fetch(0, start, width, height)
            yield np.frombuffer(data, kind).reshape(height, width, -1)


def open_streamed(path: str | os.PathLike[str]) -> tuple[Streamed, ImageInfo]:
    """A picture file to be read by parts; its size has no limit. `info.alpha` is None: the source has it.

    Raises as `imaging.io.read`, and MissingExtraError without libvips.
    """
    name = str(Path(path))
    with open_file(name) as file, explaining(name):
        header = open_image(file, name)
        source = Streamed(name)
        exif, damage = _read_exif(header, source)
        notes = tuple(f"{name} {note}" for note in (damage, _pages(header)) if note)
    return source, ImageInfo(name, source.size, source.bit_depth, None, exif, notes)


def _read_exif(header: ImageFile, source: Streamed) -> tuple[bytes | None, str | None]:
    """EXIF to keep, and a note if it is damaged."""
    try:
        exif = header.getexif() if isinstance(header, TiffImageFile) else source.exif()
        return clean_exif(exif, find_dpi(header)), None
    except Exception:  # EXIF is written by a thousand devices
        return None, "has damaged EXIF data, which is left out"


def _open_image(name: str) -> tuple[Any, Any]:
    """A libvips image, upright and in sRGB, and the reader of its pixels."""
    pyvips = load_vips(f"Reading {name} by parts")
    options = {"fail_on": "warning", "revalidate": True}
    image = pyvips.Image.new_from_file(name, access="sequential", **options)
    if image.get_typeof("orientation") and image.get("orientation") != 1:
        image = pyvips.Image.new_from_file(name, access="random", **options).autorot()  # by a file on disk
    image = _to_srgb(image)
    return image, pyvips.Region.new(image)


def _to_srgb(image: Any) -> Any:
    deep = image.format == "ushort"
    if image.get_typeof("icc-profile-data"):
        depth = 16 if deep else 8
        image = image.icc_transform(
            "srgb", embedded=True, intent="relative", black_point_compensation=True, depth=depth
        )
    image = image.colourspace("rgb16" if deep else "srgb")
    return image.extract_band(0, n=4 if image.hasalpha() else 3).cast("ushort" if deep else "uchar")

"""Pictures that are looked at part by part: tensors, files decoded whole but not as floats, files streamed.

Streaming by libvips, an optional library, reads a file from top to bottom and has no limit of size.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps
from PIL.TiffImagePlugin import TiffImageFile
from torch import Tensor

from impasto.imaging.codecs.tiff import load_vips
from impasto.imaging.decoding import (
    UPRIGHT,
    check_size,
    decode_deep,
    decode_image,
    deep_to_samples,
    describe_pages,
    explaining,
    gaps,
    make_canvas,
    open_image,
    read_exif,
    with_key,
)
from impasto.imaging.files import open_file
from impasto.imaging.geometry import resize
from impasto.imaging.io import MAX_PIXELS, ImageInfo
from impasto.imaging.metadata import clean_exif, find_dpi, load_exif

_FOR_COLORS = ("icc_profile", "transparency")
_STRIP = 256  # rows


class ImageSource(Protocol):
    """A picture that is looked at part by part."""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width), upright."""

    @property
    def channels(self) -> int:
        """3, or 4 with straight alpha."""

    def region(self, top: int, left: int, bottom: int, right: int) -> Tensor:
        """(channels, bottom - top, right - left) float32 sRGB in [0, 1]."""

    def close(self) -> None:
        """Free its memory; no region can be read after that."""


class Planes:
    """An `ImageSource` that is a tensor, (3 or 4, H, W) in [0, 1]."""

    def __init__(self, planes: Tensor) -> None:
        self._planes = planes
        self.channels = len(planes)
        self.size = (planes.shape[1], planes.shape[2])

    def region(self, top: int, left: int, bottom: int, right: int) -> Tensor:
        return self._planes[:, top:bottom, left:right]

    def close(self) -> None:
        del self._planes


def find_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Read (height, width) as stored, before EXIF turns it, from the header. Raises as `imaging.io.read`."""
    name = str(Path(path))
    with open_file(name) as file, explaining(name):
        width, height = open_image(file, name).size
        return height, width


def open_large(
    path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS
) -> tuple[ImageSource, ImageInfo]:
    """Decode a picture, but leave the conversion to floats and to sRGB for its regions.

    It takes 4 bytes a pixel, or 2 a channel if it is of 16 bits. `info.alpha` is None: the source has it.
    Raises as `imaging.io.read`.
    """
    name = str(Path(path))
    with open_file(name) as file, explaining(name):
        image = open_image(file, name)
        check_size(*image.size, name, max_pixels)
        deep, mapped = decode_deep(image, file, name)
        make_canvas(image)
        orientation, exif, damage = read_exif(image)  # of some kinds it stands behind the pixels
        pages = describe_pages(image)
        source = _Shallow(image, name, orientation) if deep is None else _Deep(deep, image, orientation)
        problems = mapped, source.problem, damage, gaps(image), pages
        notes = tuple(f"{name} {note}" for note in problems if note)
    is_deep = deep is not None or image.mode.startswith(("I", "F"))
    return source, ImageInfo(name, source.size, 16 if is_deep else 8, None, exif, notes)


def shrunk(source: ImageSource, size: tuple[int, int]) -> Tensor:
    """Resize a picture to (channels, height, width), as `geometry.resize` does it.

    Down to twice that size it is shrunk by whole numbers, and by strips: never is all of it there as floats.
    """
    factor = max(1, min(have // (2 * want) for have, want in zip(source.size, size, strict=True)))
    height, width = source.size
    strips = [
        F.avg_pool2d(source.region(top, 0, min(top + rows, height), width)[None], factor, ceil_mode=True)
        for rows in [max(factor, _STRIP // factor * factor)]
        for top in range(0, height, rows)
    ]
    return resize(torch.cat(strips, 2), size)[0]


class _Shallow:
    """Source of a Pillow picture, whose mode and profile are converted by regions."""

    def __init__(self, image: Image.Image, name: str, orientation: Any) -> None:
        image.load()
        info: dict[Any, Any] = {key: image.info[key] for key in _FOR_COLORS if key in image.info}
        if orientation in UPRIGHT:
            image = ImageOps.exif_transpose(image)
        image.info = info  # so that no region is turned again
        self._image, self._name = image, name
        self.size = (image.height, image.width)
        self.channels = 4 if image.has_transparency_data and not _is_opaque(image) else 3
        notes = decode_image(image.crop((0, 0, 1, 1)), name).notes
        self.problem = notes[0].removeprefix(f"{name} ") if notes else None

    def region(self, top: int, left: int, bottom: int, right: int) -> Tensor:
        samples = decode_image(self._image.crop((left, top, right, bottom)), self._name).samples
        return _as_planes(samples[..., : self.channels])

    def close(self) -> None:
        self._image.close()


class _Deep:
    """Source of samples of 16 bits per channel, (H, W, 1 to 4), as `read_deep` returns them."""

    def __init__(self, deep: NDArray[np.uint16], image: Image.Image, orientation: Any) -> None:
        turn: Any = UPRIGHT.get(orientation, np.asarray)
        self._deep = turn(deep)
        self._key, self._profile = (image.info.get(key) for key in ("transparency", "icc_profile"))
        self.size = (self._deep.shape[0], self._deep.shape[1])
        corner, self.problem = self._convert(self._deep[:1, :1])
        self.channels = corner.shape[-1]

    def region(self, top: int, left: int, bottom: int, right: int) -> Tensor:
        return _as_planes(self._convert(self._deep[top:bottom, left:right])[0])

    def close(self) -> None:
        del self._deep

    def _convert(self, deep: NDArray[np.uint16]) -> tuple[NDArray[np.float32], str | None]:
        return deep_to_samples(with_key(deep, self._key), self._profile)


def _is_opaque(image: Image.Image) -> bool:
    return "A" in image.getbands() and image.getchannel("A").getextrema() == (255, 255)


def _as_planes(samples: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(samples.transpose(2, 0, 1)))


_ROWS = 64  # decoded at once: more take more memory, and no less time


class Streamed:
    """An `ImageSource` of a file, upright and in sRGB, at the depth of the file.

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

    def exif(self) -> Image.Exif:
        """EXIF of a file that is no TIFF; libvips leaves out that of a TIFF."""
        return (
            load_exif(self._image.get("exif-data")) if self._image.get_typeof("exif-data") else Image.Exif()
        )

    def _start(self) -> None:
        self._image, self._reader = _open_image(self._name)
        self._top, self._band = 0, np.empty((0, self._image.width, self._image.bands), np.uint8)

    def _rows(self, top: int, bottom: int) -> NDArray[Any]:
        """Read rows (bottom - top, W, C); those that were read before are kept."""
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
    """Open a picture file of any size to be read by parts. `info.alpha` is None: the source has it.

    Raises as `imaging.io.read`, and MissingExtraError without libvips.
    """
    name = str(Path(path))
    with open_file(name) as file, explaining(name):
        header = open_image(file, name)
        source = Streamed(name)
        exif, damage = _read_streamed_exif(header, source)
        notes = tuple(f"{name} {note}" for note in (damage, describe_pages(header)) if note)
    return source, ImageInfo(name, source.size, source.bit_depth, None, exif, notes)


def _read_streamed_exif(header: ImageFile.ImageFile, source: Streamed) -> tuple[bytes | None, str | None]:
    """Read the EXIF to keep, with a note if it is damaged."""
    try:
        exif = header.getexif() if isinstance(header, TiffImageFile) else source.exif()
        return clean_exif(exif, find_dpi(header)), None
    except Exception:  # EXIF is written by a thousand devices
        return None, "has damaged EXIF data, which is left out"


def _open_image(name: str) -> tuple[Any, Any]:
    """Open a libvips image, upright and in sRGB, and the reader of its pixels."""
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

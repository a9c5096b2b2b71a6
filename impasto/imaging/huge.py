"""Large pictures by parts: decoded whole, but never as floats."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps
from torch import Tensor

from impasto.imaging.decoding import (
    _UPRIGHT,
    _deep_to_samples,
    _make_room,
    _pages,
    _read_exif,
    _with_key,
    check_size,
    decode_deep,
    decode_image,
    explaining,
    gaps,
    open_image,
)
from impasto.imaging.files import open_file
from impasto.imaging.geometry import resize
from impasto.imaging.io import MAX_PIXELS, ImageInfo

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
        """Give its memory back; there are no regions any more."""


class Planes:
    """A `ImageSource` that is a tensor, (3 or 4, H, W) in [0, 1]."""

    def __init__(self, planes: Tensor) -> None:
        self._planes = planes
        self.channels = len(planes)
        self.size = (planes.shape[1], planes.shape[2])

    def region(self, top: int, left: int, bottom: int, right: int) -> Tensor:
        return self._planes[:, top:bottom, left:right]

    def close(self) -> None:
        del self._planes


def find_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """(height, width) as stored, perhaps to be turned, by the header alone. Raises as `imaging.io.read`."""
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
        deep, mapped = decode_deep(image, name, lambda: _open_roomy(file, name))
        _make_room(image)
        orientation, exif, damage = _read_exif(image)  # of some kinds it stands behind the pixels
        pages = _pages(image)
        source = _Shallow(image, name, orientation) if deep is None else _Deep(deep, image, orientation)
        problems = mapped, source.problem, damage, gaps(image), pages
        notes = tuple(f"{name} {note}" for note in problems if note)
    is_deep = deep is not None or image.mode.startswith(("I", "F"))
    return source, ImageInfo(name, source.size, 16 if is_deep else 8, None, exif, notes)


def shrunk(source: ImageSource, size: tuple[int, int]) -> Tensor:
    """(channels, height, width) of a picture made smaller or larger, as `geometry.resize` does it.

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


def _open_roomy(file: IO[bytes], name: str) -> ImageFile.ImageFile:
    image = open_image(file, name)
    _make_room(image)
    return image


class _Shallow:
    """Of a Pillow picture: its mode and its profile are converted by regions."""

    def __init__(self, image: Image.Image, name: str, orientation: Any) -> None:
        image.load()
        info: dict[Any, Any] = {key: image.info[key] for key in _FOR_COLORS if key in image.info}
        if orientation in _UPRIGHT:
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
    """Of 16 bits per channel: (H, W, 1 to 4), as `depth16.read_deep` gives them."""

    def __init__(self, deep: NDArray[np.uint16], image: Image.Image, orientation: Any) -> None:
        turn: Any = _UPRIGHT.get(orientation, np.asarray)
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
        return _deep_to_samples(_with_key(deep, self._key), self._profile)


def _is_opaque(image: Image.Image) -> bool:
    return "A" in image.getbands() and image.getchannel("A").getextrema() == (255, 255)


def _as_planes(samples: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(samples.transpose(2, 0, 1)))

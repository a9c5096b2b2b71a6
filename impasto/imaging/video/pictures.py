"""Clips that are made of pictures: folders of them, and animated GIF and WebP files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageSequence

from impasto.errors import ImageError, VideoError
from impasto.imaging import io
from impasto.imaging.decoding import explaining, open_image
from impasto.imaging.encoding import quantize
from impasto.imaging.files import is_image_name
from impasto.imaging.video.clip import ClipInfo, Frame, Seconds, check_frame
from impasto.imaging.video.timing import FrameRange, TimedFrame, select

_SIDEWAYS = (5, 6, 7, 8)  # values of the EXIF orientation that swap height and width
_HASTE = 10  # milliseconds: what claims to be as short is shown for a tenth of a second, as browsers do
_PAUSE = 100


class FolderClip:
    """The pictures of a folder, in the order of their names, numbers in them counting as numbers.

    Args:
        folder: what is no picture, hidden or in folders below is passed over.
        rate: frames a second.

    Raises:
        VideoError: no pictures, or one of another size than the first.
        ImageError: a picture that cannot be read.
    """

    def __init__(self, folder: Path, rate: Fraction) -> None:
        self._paths = sorted(
            (path for path in folder.iterdir() if is_image_name(path) and path.is_file()), key=_natural
        )
        if not self._paths:
            raise VideoError(f"{folder} has no pictures in it; name a folder of frames, or a video file")
        size, has_alpha = _look(self._paths[0])
        for path in self._paths[1:]:
            other, also = _look(path)
            has_alpha = has_alpha or also
            if other != size:
                raise VideoError(
                    f"{path} has {other[1]} x {other[0]} pixels, but {self._paths[0].name} has {size[1]} x "
                    f"{size[0]}: the frames of a clip must be of one size"
                )
        count = len(self._paths)
        names = tuple(path.name for path in self._paths)
        self.info = ClipInfo(
            str(folder),
            size,
            rate,
            1 / rate,
            count,
            float(count / rate),
            has_alpha=has_alpha,
            names=names,
        )
        self.notes: tuple[str, ...] = ()

    def frames(self, start: Seconds = 0, end: Seconds | None = None, every: int = 1) -> Iterator[Frame]:
        return self._frames(FrameRange(start, end, every))

    def _frames(self, span: FrameRange) -> Iterator[Frame]:
        step = self.info.time_base
        moments = (TimedFrame(index, index * step, step, path) for index, path in enumerate(self._paths))
        for moment in select(moments, span):
            planes, info = io.read(moment.content)
            alpha = None if info.alpha is None else quantize(info.alpha, 8)[..., 0]
            pixels = np.ascontiguousarray(quantize(planes, 8))
            yield Frame(moment.index, moment.time, moment.duration, pixels, alpha)


class AnimatedClip:
    """An animated GIF or WebP. Its frames are run through once when it is opened, to know their times.

    Raises:
        VideoError: damaged from the start, or a single picture.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        has_alpha, milliseconds = False, []
        for moment in self._moments(patient=True):
            milliseconds.append(moment.duration * 1000)
            has_alpha = has_alpha or _shows_through(moment.content)
        if len(milliseconds) < 2:
            raise VideoError(f"{path} is a single picture, not an animation; stylize it as a photo")
        total = sum(milliseconds, Fraction(0)) / 1000
        with path.open("rb") as file:
            width, height = open_image(file, str(path)).size
        self.info = ClipInfo(
            str(path),
            (height, width),
            len(milliseconds) / total,
            Fraction(1, 1000),
            len(milliseconds),
            float(total),
            has_alpha=has_alpha,
        )
        self.notes: tuple[str, ...] = ()

    def frames(self, start: Seconds = 0, end: Seconds | None = None, every: int = 1) -> Iterator[Frame]:
        return self._frames(FrameRange(start, end, every))

    def _frames(self, span: FrameRange) -> Iterator[Frame]:
        for moment in select(self._moments(), span):
            pixels = np.asarray(moment.content)
            alpha = np.ascontiguousarray(pixels[..., 3])
            colors = np.ascontiguousarray(pixels[..., :3])
            has_alpha = bool((alpha < 255).any())
            yield Frame(moment.index, moment.time, moment.duration, colors, alpha if has_alpha else None)

    def _moments(self, patient: bool = False) -> Iterator[TimedFrame[Image.Image]]:
        """Frames as RGBA. Damage ends them, and raises VideoError unless `patient`, which wants times."""
        time, index = Fraction(0), 0
        with self._path.open("rb") as file:
            try:
                with explaining(str(self._path)):
                    whole = _checked(file, str(self._path))
                    canvas = (0, 0, *whole.size)  # beyond which frames may reach, and are not shown there
                    for picture in ImageSequence.Iterator(whole):
                        picture.load()
                        rgba = picture if patient else picture.convert("RGBA").crop(canvas)
                        duration = Fraction(_milliseconds(picture), 1000)
                        yield TimedFrame(index, time, duration, rgba)
                        time, index = time + duration, index + 1
            except ImageError as error:
                if not (patient and index > 1):
                    raise VideoError(f"{self._path} is damaged at {float(time):.1f} s: {error}") from error


def _checked(file: Any, name: str) -> Any:
    image = open_image(file, name)
    width, height = image.size
    check_frame((height, width), name)
    return image


def _milliseconds(picture: Image.Image) -> int:
    said = round(picture.info.get("duration", 0))
    return said if said > _HASTE else _PAUSE


def _shows_through(picture: Image.Image) -> bool:
    """Return whether a pixel is transparent; many animations declare a color for it and use it nowhere."""
    if not picture.has_transparency_data:
        return False
    return bool((np.asarray(picture.convert("RGBA"))[..., 3] < 255).any())


def _natural(path: Path) -> tuple[list[tuple[int, str]], str]:
    """For sorting: 2 before 10, and names that only differ in case or zeros in a fixed order."""
    parts = re.split(r"(\d+)", path.name.lower())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], path.name


def _look(path: Path) -> tuple[tuple[int, int], bool]:
    """Upright (height, width) and whether there is alpha, from a picture's header. Raises ImageError."""
    with explaining(str(path)), path.open("rb") as file:
        image = open_image(file, str(path))
        width, height = image.size
        sideways = image.getexif().get(ExifTags.Base.Orientation) in _SIDEWAYS
    return (width, height) if sideways else (height, width), image.has_transparency_data

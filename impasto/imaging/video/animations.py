"""Animated GIF and WebP, written frame by frame: memory does not grow with their length."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from io import BytesIO
from typing import Any

import numpy as np
from PIL import GifImagePlugin, Image

from impasto.errors import UsageError, VideoError
from impasto.imaging.video.clip import ClipInfo, Frame
from impasto.imaging.video.sinks import FileSink

_TRANSPARENT = 255  # the last color of a GIF's palette
_OPAQUE_FROM = 128
_CLEAR = 2  # GIF's way to dispose of a frame before the next
_WEBP_QUALITY = 80
_WEBP_LONGEST_SIDE = 16_383
_GIF_LONGEST_SIDE = 65_535
_ANIMATED, _HAS_ALPHA = 0x02, 0x10  # flags of VP8X
_REPLACE = 0x02  # flag of ANMF: do not blend with what was there
_FLAGS_AT = 20  # where VP8X keeps its flags in the file


class AnimationSink(FileSink):
    """Frames with the times they had. Times are rounded to ticks; frames too short for one are left out.

    Args:
        path: where the file will be.
        info: of the clip; `size` of the frames to come.

    Raises:
        UsageError: sides that the format cannot have; from `write`, a frame of another size.
        VideoError: from `write`: the disk is full.
    """

    tick: Fraction  # seconds
    shortest: int  # ticks
    longest: int  # ticks
    longest_side: int

    def __init__(self, path: str | os.PathLike[str], info: ClipInfo) -> None:
        super().__init__(path)
        self._size = info.size
        self._pending: Frame | None = None
        self._origin = Fraction(0)
        self._shown = 0  # ticks until the pending frame
        if max(info.size) > self.longest_side:
            self.discard()
            raise UsageError(
                f"{path} cannot have more than {self.longest_side} pixels a side; make it smaller"
            )
        self._file = self._stack.enter_context(self._temporary.open("w+b"))

    def write(self, frame: Frame) -> None:
        if frame.pixels.shape != (*self._size, 3):
            raise UsageError(f"a frame is {(*self._size, 3)}, not {frame.pixels.shape}")
        if self._pending is None:
            self._origin, self._pending, self._is_empty = frame.time, frame, False
        elif (ticks := self._ticks_until(frame.time)) >= self.shortest:
            self._put(self._pending, ticks)
            self._pending = frame

    def _finish(self) -> None:
        assert self._pending is not None
        ticks = self._ticks_until(self._pending.time + self._pending.duration)
        self._put(self._pending, max(ticks, self.shortest))
        with self._explaining():
            self._end()

    def _ticks_until(self, time: Fraction) -> int:
        """For the pending frame. They are counted from the first, so that roundings do not add up."""
        return round((time - self._origin) / self.tick) - self._shown

    def _put(self, frame: Frame, ticks: int) -> None:
        with self._explaining():
            self._append(frame, min(ticks, self.longest), is_first=not self._shown)
        self._shown += ticks

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise VideoError(f"{self._path} could not be written: {error.strerror or error}") from error

    @abstractmethod
    def _append(self, frame: Frame, ticks: int, is_first: bool) -> None:
        """Write a frame."""

    @abstractmethod
    def _end(self) -> None:
        """Write what comes after the last frame."""


class GifSink(AnimationSink):
    """Every frame has a palette of its own, of 255 colors; it is endless. Half transparent is opaque."""

    tick = Fraction(1, 100)
    shortest = 2  # browsers show what is shorter for a tenth of a second
    longest = 2**16 - 1
    longest_side = _GIF_LONGEST_SIDE

    def _append(self, frame: Frame, ticks: int, is_first: bool) -> None:
        picture = Image.fromarray(frame.pixels).quantize(_TRANSPARENT, dither=Image.Dither.NONE)
        options: dict[str, Any] = {"duration": 10 * ticks, "include_color_table": not is_first}
        if frame.alpha is not None:
            clear = Image.fromarray((frame.alpha < _OPAQUE_FROM).astype(np.uint8) * 255)
            palette = picture.getpalette() or []
            picture.putpalette(palette + [0] * (3 * 256 - len(palette)))
            picture.paste(_TRANSPARENT, mask=clear)
            options |= {"transparency": _TRANSPARENT, "disposal": _CLEAR}
        if is_first:
            head, _ = GifImagePlugin.getheader(picture, info={"loop": 0})
            self._file.writelines(head)
        self._file.writelines(GifImagePlugin.getdata(picture, **options))

    def _end(self) -> None:
        self._file.write(b";")


class WebpSink(AnimationSink):
    """Pictures as Pillow writes them, one after the other in the frame of an endless animation.

    The container is that of developers.google.com/speed/webp/docs/riff_container.
    """

    tick = Fraction(1, 1000)
    shortest = 1
    longest = 2**24 - 1
    longest_side = _WEBP_LONGEST_SIDE

    _flags = _ANIMATED

    def _append(self, frame: Frame, ticks: int, is_first: bool) -> None:
        canvas = _int24(self._size[1] - 1) + _int24(self._size[0] - 1)
        if is_first:
            self._file.write(b"RIFF\0\0\0\0WEBP" + _chunk(b"VP8X", bytes([self._flags, 0, 0, 0]) + canvas))
            self._file.write(_chunk(b"ANIM", bytes(6)))
        pixels = frame.pixels
        if frame.alpha is not None:
            pixels = np.dstack([pixels, frame.alpha])
            self._flags |= _HAS_ALPHA
        stored = BytesIO()
        Image.fromarray(pixels).save(stored, "WEBP", quality=_WEBP_QUALITY)
        place = _int24(0) * 2 + canvas + _int24(ticks) + bytes([_REPLACE])
        self._file.write(_chunk(b"ANMF", place + b"".join(_image_chunks(stored.getvalue()))))

    def _end(self) -> None:
        size = self._file.tell()
        self._file.seek(_FLAGS_AT)
        self._file.write(bytes([self._flags]))
        self._file.seek(4)
        self._file.write((size - 8).to_bytes(4, "little"))


def _image_chunks(webp: bytes) -> Iterator[bytes]:
    """Of a WebP with a single picture, the chunks that hold its pixels."""
    at = 12
    while at < len(webp):
        size = int.from_bytes(webp[at + 4 : at + 8], "little")
        if webp[at : at + 4] in (b"ALPH", b"VP8 ", b"VP8L"):
            yield _chunk(webp[at : at + 4], webp[at + 8 : at + 8 + size])
        at += 8 + size + size % 2


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + len(content).to_bytes(4, "little") + content + bytes(len(content) % 2)


def _int24(value: int) -> bytes:
    return value.to_bytes(3, "little")

"""Outputs for frames: folders of pictures, animated GIF and WebP."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch
from PIL import GifImagePlugin, Image

from impasto.errors import ImageError, UsageError, VideoError
from impasto.imaging import io
from impasto.imaging.encoding import FORMATS, find_format
from impasto.imaging.files import check_target, replacing
from impasto.imaging.video.clip import ClipInfo, Frame, Pixels

_TRANSPARENT = 255  # the last color of a GIF's palette
_OPAQUE_FROM = 128
_CLEAR = 2  # GIF's way to dispose of a frame before the next
_WEBP_QUALITY = 80
_WEBP_LONGEST_SIDE = 16_383
_GIF_LONGEST_SIDE = 65_535
_ANIMATED, _HAS_ALPHA = 0x02, 0x10  # flags of VP8X
_REPLACE = 0x02  # flag of ANMF: do not blend with what was there
_FLAGS_AT = 20  # where VP8X keeps its flags in the file


class Sink(ABC):
    """Takes the frames of a clip, one after the other; a context manager, which discards upon an error."""

    @abstractmethod
    def write(self, frame: Frame) -> None:
        """Take the next frame. Times must grow."""

    @abstractmethod
    def close(self) -> None:
        """Finish what is written."""

    @abstractmethod
    def discard(self) -> None:
        """Stop; no file appears that is not whole."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()


class FileSink(Sink):
    """A sink whose frames go into one file, which appears when it is closed, or, without a frame, never.

    What a subclass holds open is pushed on `_stack`, which `close` unwinds before the file is renamed.

    Raises UsageError or ImageError for a path where no file can be made.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = check_target(path)
        self._stack = ExitStack()
        self._temporary = self._stack.enter_context(replacing(self._path))
        self._is_empty = True

    @abstractmethod
    def _finish(self) -> None:
        """Write what is left."""

    def close(self) -> None:
        if self._is_empty:
            self.discard()
            return
        with self._stack:
            self._finish()

    def discard(self) -> None:
        with suppress(_Abandoned), self._stack:
            raise _Abandoned


class _Abandoned(Exception):
    """Leaves the block that writes a file, so that the file does not appear."""


class FolderSink(Sink):
    """A picture file for every frame, each whole as soon as it is there; they stay when discarded.

    Args:
        target: a folder, where pictures are called as those of the clip's own folder, or 000001.png and so
            on; or names with a place for the frame's number, from 1, such as out/%05d.jpg.
        info: of the clip.

    Raises:
        UsageError: a suffix that cannot be written, a pattern that is none, two frames for one name, or the
            folder that the frames come from.
        ImageError: the folder cannot be made, a picture not be written.
    """

    def __init__(self, target: str | os.PathLike[str], info: ClipInfo) -> None:
        path = Path(target)
        is_pattern = "%" in path.name and not path.is_dir()
        self._folder = path.parent if is_pattern else path
        self._name = _numbered(path) if is_pattern else _named(info)
        if info.names and self._folder.resolve() == Path(info.name).resolve():
            raise UsageError(
                f"{self._folder} holds the frames to read: choose another folder for the results"
            )
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ImageError(f"the folder {self._folder} cannot be made: {error.strerror}") from error
        io.check_output(self._folder / self._name(0))

    def write(self, frame: Frame) -> None:
        alpha = None if frame.alpha is None else _planes(frame.alpha[..., None])
        io.write(self._folder / self._name(frame.index), _planes(frame.pixels), alpha=alpha)

    def close(self) -> None:
        pass

    def discard(self) -> None:
        pass


def _planes(pixels: Pixels) -> torch.Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1).float() / 255


def _numbered(path: Path) -> Callable[[int], str]:
    try:
        names = [path.name % number for number in (1, 2)]
    except (TypeError, ValueError):
        names = ["", ""]
    if names[0] == names[1]:
        raise UsageError(f"{path} has no place for the frame's number; write it as frame-%05d.png") from None
    find_format(path, 8)
    return lambda index: path.name % (index + 1)


def _named(info: ClipInfo) -> Callable[[int], str]:
    if not info.names:
        return lambda index: f"{index + 1:06d}.png"
    names = [_writable(Path(name)) for name in info.names]
    if len({name.lower() for name in names}) < len(names):
        raise UsageError(
            f"{info.name} has frames that differ in the suffix only: give a pattern such as %05d.png"
        )
    return names.__getitem__


def _writable(name: Path) -> str:
    return str(name) if name.suffix.lower() in FORMATS else str(name.with_suffix(".png"))


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

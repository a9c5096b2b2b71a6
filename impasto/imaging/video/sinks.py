"""Outputs for frames: the interface, and folders of pictures."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import torch

from impasto.errors import ImageError, UsageError
from impasto.imaging import io
from impasto.imaging.encoding import FORMATS, find_format
from impasto.imaging.files import check_target, replacing
from impasto.imaging.video.clip import ClipInfo, Frame, Pixels


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

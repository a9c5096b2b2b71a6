"""A video of frames as they come: each keeps the time at which it came."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from impasto.atomic_files import draft_folder
from impasto.errors import ImageError, UsageError
from impasto.imaging.video.clip import ClipInfo, Frame, Pixels
from impasto.imaging.video.encoding import CONTAINERS, choose_encoding
from impasto.imaging.video.joining import join
from impasto.imaging.video.segments import SegmentWriter

_TICK = Fraction(1, 90_000)  # seconds, as MPEG counts
_RATE = Fraction(30)  # frames a second that are to be expected; what counts are their times
# AVI has one rate, which cameras do not keep
_SUFFIXES = tuple(suffix for suffix in CONTAINERS if suffix != ".avi")
_PRESETS = {"h264": "veryfast", "vp9": "8"}  # as frames do not wait


class Recorder:
    """Writes a video, which appears when it is closed, or never.

    Args:
        target: its suffix is one of `CONTAINERS`, but not .avi; a file that is there stays.
        size: (height, width) of the frames to come.

    Raises:
        UsageError: a target that is none, or is there already.
        ImageError: its folder is missing or not writable.
        VideoError: from `write` and `close`, too: the disk is full.
        MissingExtraError: PyAV is not installed.
    """

    def __init__(self, target: str | os.PathLike[str], size: tuple[int, int]) -> None:
        self.target = check_recording(target)
        self._info = ClipInfo(str(target), size, _RATE, _TICK)
        preset = _PRESETS[CONTAINERS[self.target.suffix.lower()]]
        encoding = choose_encoding(self.target, self._info, preset=preset)
        self._pending: Frame | None = None
        self._began = 0.0
        with ExitStack() as stack:
            self._segment = _enter_folder_beside(self.target, stack) / "segment.mp4"
            self._writer = SegmentWriter(self._segment, self._info, encoding)
            stack.callback(self._writer.discard)  # which does nothing once it is closed
            self._stack = stack.pop_all()

    @property
    def seconds(self) -> float:
        """From the first frame to the last."""
        return 0.0 if self._pending is None else float(self._pending.time)

    def write(self, time: float, pixels: Pixels) -> None:
        """Take a frame, (H, W, 3) RGB. One whose time, in seconds, is not after the last is left out."""
        if self._pending is None:
            self._began = time
            self._pending = Frame(0, Fraction(0), 1 / _RATE, pixels)
            return
        at = Fraction(round((time - self._began) / _TICK)) * _TICK
        if at > self._pending.time:
            last = self._pending
            self._writer.write(replace(last, duration=at - last.time))
            self._pending = Frame(last.index + 1, at, 1 / _RATE, pixels)

    def close(self) -> int:
        """Finish the file; how many frames it has. None is no file."""
        with self._stack:
            if self._pending is None:
                return 0
            self._writer.write(self._pending)
            self._writer.close()
            join([self._segment], None, self.target, self._info)
            return self._pending.index + 1


def check_recording(target: str | os.PathLike[str]) -> Path:
    """The path, if a video can be recorded there. Raises UsageError."""
    path = Path(target)
    if path.suffix.lower() not in _SUFFIXES:
        raise UsageError(
            f"{path} is not the name of a video to record; end it with one of {', '.join(_SUFFIXES)}"
        )
    if path.exists():
        raise UsageError(f"{path} exists: name another file for the recording")
    return path


def _enter_folder_beside(target: Path, stack: ExitStack) -> Path:
    try:
        return stack.enter_context(draft_folder(target))
    except OSError as error:
        raise ImageError(f"{target} cannot be written: {error.strerror or error}") from error

"""Cameras, clips that behave like one, and recordings of what they see."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from threading import Condition, Event, Thread
from types import TracebackType
from typing import Any, Self

from impasto.atomic_files import draft_folder
from impasto.errors import ImageError, MissingExtraError, UsageError, VideoError
from impasto.imaging.flow import load_opencv
from impasto.imaging.video.clip import Clip, ClipInfo, Frame, Pixels
from impasto.imaging.video.encoding import CONTAINERS, choose_encoding
from impasto.imaging.video.open import open_clip
from impasto.imaging.video.segments import SegmentWriter, join

_PATIENCE = 5.0  # seconds without a frame after which a camera is gone; some take two to begin
_PAUSE = 0.05  # seconds until a device that gave nothing is asked again
_LAST_READ = 1.0  # seconds that closing waits for a device that hangs
_TICK = Fraction(1, 90_000)  # seconds, as MPEG counts
_RATE = Fraction(30)  # frames a second that are to be expected; what counts are their times
# AVI has one rate, which cameras do not keep
_SUFFIXES = tuple(suffix for suffix in CONTAINERS if suffix != ".avi")
_PRESETS = {"h264": "veryfast", "vp9": "8"}  # as frames do not wait


@dataclass(frozen=True)
class Shot:
    """A frame, (H, W, 3) RGB, with the seconds since the camera began."""

    time: float
    pixels: Pixels


# Frames as they come, None where there was none for a moment; they end when the event is set, or before.
FrameSource = Callable[[Event], Iterator[Shot | None]]


class Camera:
    """The newest frame of a stream. What nobody took before the next one came is dropped, so that what is
    seen is never late; a context manager.

    Args:
        name: for messages.
        source: read in a thread of its own, at once.
        patience: seconds without a frame after which it counts as gone; None for no limit.
    """

    def __init__(self, name: str, source: FrameSource, patience: float | None = None) -> None:
        self._name, self._patience = name, patience
        self._news, self._stop = Condition(), Event()
        self._newest: Shot | None = None
        self._ended = False
        self._fault: Exception | None = None
        self._thread = Thread(target=self._read, args=(source,), name="impasto-camera", daemon=True)
        self._thread.start()

    def next(self) -> Shot | None:
        """The newest frame that was not given before; waits for one. None when there will be no more.

        Raises VideoError: the camera vanished, or the clip is damaged.
        """
        with self._news:
            if not self._news.wait_for(lambda: self._newest or self._ended, self._patience):
                raise VideoError(
                    f"{self._name} gives no picture any more; see whether it is still plugged in, and "
                    "whether another program took it"
                )
            shot, self._newest = self._newest, None
        if shot is None and self._fault:
            raise self._fault
        return shot

    def close(self) -> None:
        """Let go of the camera. Who waits in `next` gets None."""
        self._stop.set()
        self._end(None)
        self._thread.join(_LAST_READ)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self, source: FrameSource) -> None:
        fault = None
        try:
            for shot in source(self._stop):
                if shot is not None:
                    self._put(shot)
        except Exception as error:  # it belongs to whoever waits for the next frame
            fault = error
        self._end(fault)

    def _put(self, shot: Shot) -> None:
        with self._news:
            self._newest = shot
            self._news.notify_all()

    def _end(self, fault: Exception | None) -> None:
        with self._news:
            self._ended, self._fault = True, fault
            self._news.notify_all()


def open_camera(name: str, long_side: int = 640) -> Camera:
    """A camera by its number, from 0, or any clip, which plays once, at its own speed, as if it were one.

    Args:
        name: a number; or a video, an animated GIF or WebP, or a folder of pictures.
        long_side: pixels that a camera is asked for, at 4:3; it gives what it has nearest. A clip keeps its
            size.

    Raises:
        VideoError: a camera that cannot be opened; a clip, as `open_clip`.
        MissingExtraError: a camera without OpenCV, a video without PyAV.
    """
    if name.isdecimal():
        return Camera(f"camera {name}", _device(int(name), long_side), _PATIENCE)
    return Camera(name, played(open_clip(name)))


def played(clip: Clip) -> FrameSource:
    """A clip at its own speed."""

    def shots(stop: Event) -> Iterator[Shot]:
        began = time.monotonic()
        for frame in clip.frames():
            if stop.wait(max(0.0, float(frame.time) - (time.monotonic() - began))):
                return
            yield Shot(float(frame.time), frame.over_white())

    return shots


def _device(number: int, long_side: int) -> FrameSource:
    cv2 = _load_opencv()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # the error tells what is to be told
    device = cv2.VideoCapture(number)
    if not device.isOpened():
        raise VideoError(
            f"camera {number} cannot be opened; see whether it is plugged in, free, and yours to use, or "
            "give the number of another one, or a video in its place"
        )
    device.set(cv2.CAP_PROP_FRAME_WIDTH, long_side)
    device.set(cv2.CAP_PROP_FRAME_HEIGHT, long_side * 3 // 4)

    def shots(stop: Event) -> Iterator[Shot | None]:
        began = time.monotonic()
        try:
            while not stop.is_set():
                is_there, frame = device.read()
                if is_there:
                    yield Shot(time.monotonic() - began, cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
                else:
                    stop.wait(_PAUSE)
        finally:
            device.release()  # here, as nobody else may while it reads

    return shots


def _load_opencv() -> Any:
    try:
        return load_opencv()
    except MissingExtraError as error:
        raise MissingExtraError("OpenCV", "video", "A camera") from error


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

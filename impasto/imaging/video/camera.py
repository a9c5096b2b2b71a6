"""Cameras, and clips that behave like one: whoever looks gets the newest frame."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Condition, Event, Thread
from types import TracebackType
from typing import Any, Self

from impasto.errors import MissingExtraError, VideoError
from impasto.imaging.flow import load_opencv
from impasto.imaging.video.clip import Clip, Pixels
from impasto.imaging.video.open import open_clip

_PATIENCE = 5.0  # seconds without a frame after which a camera is gone; some take two to begin
_PAUSE = 0.05  # seconds until a device that gave nothing is asked again
_LAST_READ = 1.0  # seconds that closing waits for a device that hangs


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

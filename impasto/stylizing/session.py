"""A camera, a style and a recording at work together, in whatever thread runs them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Literal, get_args

import numpy as np

from impasto.errors import ImpastoError
from impasto.imaging import io
from impasto.imaging.video.camera import Camera, Shot
from impasto.imaging.video.clip import Pixels, fit_even, resized
from impasto.imaging.video.recording import Recorder
from impasto.stylizing.live import LiveStyle, LiveStyler

WebcamView = Literal["picture", "side by side", "photo"]
VIEWS: tuple[WebcamView, ...] = get_args(WebcamView)

_RATE_OVER = 20  # pictures


@dataclass(frozen=True)
class Display:
    """The current display.

    Attributes:
        pixels: (H, W, 3) RGB.
        choice: what it was painted with.
        rate: pictures a second.
        recorded: seconds, or None while nothing is recorded.
    """

    pixels: Pixels
    choice: LiveStyle
    rate: float
    recorded: float | None


class WebcamSession:
    """Frames from the camera through the styler to whoever looks, and into files.

    Args:
        camera, live: both are to be closed by whoever made them.
        size: long side of pictures, in pixels.
        tell: called, in the thread that works, with sentences on what was written, and on what could not be.
        record: a video to begin with; what is wrong with it is raised by `work`.

    Attributes:
        mirror: show things as a mirror does; may be set from any thread.
        view: likewise. A recording keeps the view it began with.
        newest: the last picture, to be popped by whoever shows it; a picture that nobody popped is dropped.
    """

    def __init__(
        self,
        camera: Camera,
        live: LiveStyler,
        size: int,
        tell: Callable[[str], None],
        record: Path | None = None,
    ) -> None:
        self._camera, self._live, self._size, self._tell = camera, live, size, tell
        self.mirror = True
        self.view: WebcamView = "picture"
        self.newest: deque[Display] = deque(maxlen=1)
        self._wishes: SimpleQueue[Callable[[Pixels, Pixels], None]] = SimpleQueue()
        self._times: deque[float] = deque(maxlen=_RATE_OVER)
        self._recorder: Recorder | None = None
        self._recorded_view: WebcamView = "picture"
        self._first_target = record

    def record(self, target: Path) -> None:
        """Begin a recording with the next picture, or end the one that there is."""
        self._wishes.put(lambda photo, picture: self._switch_recording(target, photo, picture))

    def save(self, target: Path) -> None:
        """Write the next picture, as it is seen, to a file."""
        self._wishes.put(lambda photo, picture: self._save(target, self._compose(self.view, photo, picture)))

    def work(self) -> None:
        """Until the camera is closed, or the clip ends. However it ends, a recording is finished.

        Raises ImpastoError: the camera vanished, the disk is full, a style cannot be made.
        """
        try:
            while (shot := self._camera.next()) is not None:
                self._handle(shot)
        finally:
            self._end_recording()

    def _handle(self, shot: Shot) -> None:
        height, width = shot.pixels.shape[:2]
        photo = resized(shot.pixels, fit_even((height, width), self._size))
        if self.mirror:
            photo = np.ascontiguousarray(photo[:, ::-1])
        picture = self._live(photo)
        self._grant_wishes(photo, picture)
        if self._recorder:
            self._recorder.write(shot.time, self._compose(self._recorded_view, photo, picture))
        self._times.append(time.monotonic())
        recorded = self._recorder.seconds if self._recorder else None
        pixels = self._compose(self.view, photo, picture)
        self.newest.append(Display(pixels, self._live.shown, self._rate(), recorded))

    def _grant_wishes(self, photo: Pixels, picture: Pixels) -> None:
        if self._first_target:
            self._switch_recording(self._first_target, photo, picture)
            self._first_target = None
        while not self._wishes.empty():
            try:
                self._wishes.get()(photo, picture)
            except ImpastoError as error:
                self._tell(str(error))

    def _compose(self, view: WebcamView, photo: Pixels, picture: Pixels) -> Pixels:
        if view == "side by side":
            return np.hstack([photo, picture])
        return photo if view == "photo" else picture

    def _switch_recording(self, target: Path, photo: Pixels, picture: Pixels) -> None:
        if self._recorder:
            self._end_recording()
            return
        self._recorded_view = self.view
        height, width = self._compose(self.view, photo, picture).shape[:2]
        self._recorder = Recorder(target, (height, width))

    def _end_recording(self) -> None:
        if self._recorder:
            recorder, self._recorder = self._recorder, None
            frames = recorder.close()
            self._tell(f"{recorder.target}: {frames} frames, {recorder.seconds:.0f} s")

    def _save(self, target: Path, pixels: Pixels) -> None:
        image, _ = io.read(pixels)
        io.write(target, image)
        self._tell(f"{target} saved")

    def _rate(self) -> float:
        if len(self._times) < 2:
            return 0.0
        return (len(self._times) - 1) / max(1e-6, self._times[-1] - self._times[0])

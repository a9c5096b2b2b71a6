"""Stylize frames of a camera as they come, while style and strength change, and record them."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Literal, get_args

import numpy as np

from impasto.errors import ImpastoError
from impasto.imaging import io
from impasto.imaging.video.camera import Camera, Recorder, Shot
from impasto.imaging.video.clip import Pixels, fit_even, resized
from impasto.stylizing.motion import TemporalSmoother

_KEPT = 6  # networks: so many to go back to without waiting

FramePainter = Callable[[Pixels], Pixels]


@dataclass(frozen=True)
class LiveStyle:
    """A style, by its name or file, at a strength from 0 to 1."""

    style: str
    strength: float = 1.0


class LiveStyler:
    """Frames in, pictures out, one after the other; what is chosen may change between two of them.

    What another choice needs is made in a thread, and tried there on the frame of that moment, as the first
    one takes longest; until then pictures go on as before. Of several choices meanwhile, the last one counts.

    Args:
        make: gives what paints a choice, frames (H, W, 3) RGB to pictures of the same shape.
        choice: made at once; what `make` raises comes from here then.
        steady: hold strokes still along the motion.
        finish: what is done to each picture, given photo and picture.

    Attributes:
        choice: what is wanted; may be set from any thread.
        steady: likewise.
        shown: what the last picture was painted with.
    """

    def __init__(
        self,
        make: Callable[[LiveStyle], FramePainter],
        choice: LiveStyle,
        *,
        steady: bool = True,
        finish: Callable[[Pixels, Pixels], Pixels] = lambda photo, picture: picture,
    ) -> None:
        self.choice = self.shown = choice
        self.steady = steady
        self._make, self._painter, self._finish = make, make(choice), finish
        self._made = OrderedDict({choice: self._painter})  # those used last come last
        self._making: Future[tuple[LiveStyle, FramePainter]] | None = None
        self._thread = ThreadPoolExecutor(1, "impasto-styles")
        self._steadier: TemporalSmoother | None = None

    def __call__(self, photo: Pixels) -> Pixels:
        """Stylize a frame, (H, W, 3) RGB. Raises what `make` raised for another choice."""
        self._take_made()
        self._follow(self.choice, photo)
        return self._finish(photo, self._steadied(photo, self._painter(photo)))

    def close(self) -> None:
        """Wait for what is being made, and end the thread."""
        self._thread.shutdown(cancel_futures=True)

    def _steadied(self, photo: Pixels, picture: Pixels) -> Pixels:
        if not self.steady:
            self._steadier = None
            return picture
        if self._steadier is None:
            self._steadier = TemporalSmoother()
        return self._steadier(photo, picture)

    def _follow(self, choice: LiveStyle, photo: Pixels) -> None:
        """Switch to the wanted style, or start making it."""
        if choice == self.shown:
            return
        if choice in self._made:
            self._made.move_to_end(choice)
            self.shown, self._painter = choice, self._made[choice]
            self._steadier = None  # or the old style would shine through
        elif self._making is None:
            self._making = self._thread.submit(self._prepare, choice, photo)

    def _take_made(self) -> None:
        if self._making is None or not self._making.done():
            return
        choice, painter = self._making.result()
        self._making = None
        self._made[choice] = painter
        if len(self._made) > _KEPT:
            self._made.popitem(last=False)

    def _prepare(self, choice: LiveStyle, photo: Pixels) -> tuple[LiveStyle, FramePainter]:
        painter = self._make(choice)
        painter(photo)
        return choice, painter


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
        """Start a recording with the next picture, or end the present one."""
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

"""Progress of a video, and whether to stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from time import monotonic

from impasto.imaging.video.clip import Clip, Frame
from impasto.stylizing.options import VideoOptions
from impasto.stylizing.parts import ResumePoint


@dataclass(frozen=True)
class Progress:
    """Progress of a video: share done, 0 if its length is unknown; frames written in all,
    with those of an earlier run; and frames a second in this run.
    """

    done: float
    frames: int
    per_second: float


class ProgressReporter:
    """Counts frames, tells how far it is, and knows whether to stop."""

    def __init__(
        self, clip: Clip, options: VideoOptions, tell: Callable[[Progress], None], stop: Event
    ) -> None:
        self._tell, self._stop = tell, stop
        self._start = options.start
        ends = [end for end in (clip.info.duration, options.end) if end is not None]
        self._length = max(1e-6, min(ends) - options.start) if ends else float("inf")
        self._frames, self._earlier, self._began = 0, 0, monotonic()

    def go_on(self, mark: ResumePoint) -> None:
        self._frames = self._earlier = mark.frames

    def count(self, photo: Frame) -> None:
        self._frames += 1
        done = (float(photo.time + photo.duration) - self._start) / self._length
        rate = (self._frames - self._earlier) / max(1e-6, monotonic() - self._began)
        self._tell(Progress(min(1.0, done), self._frames, rate))

    @property
    def stopped(self) -> bool:
        return self._stop.is_set()

"""Make videos for the page: progress while it runs, and a shorter video if it is stopped."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from impasto.app.clips import fit, open_upload, room, stylizer_of
from impasto.app.inference import check_pictures
from impasto.app.limits import Limits
from impasto.app.look import StyleRequest
from impasto.app.sessions import Session
from impasto.errors import VideoError
from impasto.stylizing.options import VideoOptions
from impasto.stylizing.progress import Progress
from impasto.stylizing.video import VideoJob, network_job

_BETWEEN = 0.5  # seconds between two reports


@dataclass(frozen=True)
class Film:
    """A finished video.

    Attributes:
        path: an MP4 that browsers play, with the clip's sound.
        source: the uploaded clip.
        look, options: the request, within the limits.
        frames: number of frames.
        seconds: time it took.
    """

    path: Path
    source: Path
    look: StyleRequest
    options: VideoOptions
    frames: int
    seconds: float


@dataclass(frozen=True)
class Take:
    """Progress of a video job.

    Attributes:
        progress: None during the preparation.
        left: estimated seconds until the end; None if unknown.
        film: the finished video, in the last report, if there is one.
        is_over: True in the last report.
        notes: messages for the visitor, such as why it ended early.
    """

    progress: Progress | None = None
    left: float | None = None
    film: Film | None = None
    is_over: bool = False
    notes: tuple[str, ...] = ()


def make(
    visit: Session, path: Path, look: StyleRequest, options: VideoOptions, limits: Limits
) -> Iterator[Take]:
    """Make a video, and yield progress twice a second.

    If it is stopped, runs out of time or meets a damaged part of the clip, the frames so far become the
    video; if the visitor leaves, it is deleted. Raises ImpastoError.
    """
    with visit.job() as stop:
        started = time.monotonic()
        upload = open_upload(path, limits)
        check_pictures(look, limits)
        options, notes = fit(upload.info, options, limits)
        yield Take(notes=notes)
        stylizer, folder = stylizer_of(look, "auto"), room(visit, "videos")
        target = folder / film_name(path, look)
        camera = _Camera(network_job(upload.clip, stylizer, options), stop, started + 60 * limits.job_minutes)
        try:
            for progress in camera.roll(target):
                yield Take(progress, _left(progress))
        except BaseException:
            visit.drop(folder)
            raise
        seconds = time.monotonic() - started
        film = Film(target, path, look, options, camera.frames, seconds) if target.exists() else None
        told = dict.fromkeys((*stylizer.notes, *camera.notes))
        yield Take(camera.progress, 0.0, film, is_over=True, notes=tuple(told))


def film_name(path: Path, look: StyleRequest) -> str:
    """Return the name of the video file, such as clip-starry-night.mp4."""
    return f"{path.stem}-{look.name.replace(' ', '-')}.mp4"


class _Camera:
    """A video job in a thread of its own.

    Attributes:
        progress: the latest report.
        notes: messages for the visitor; more may follow at the end.
    """

    def __init__(self, job: VideoJob, stop: Event, deadline: float) -> None:
        self._job, self._stop, self._deadline = job, stop, deadline
        self.progress: Progress | None = None
        self._is_late = False
        self._ending: tuple[str, ...] = ()

    @property
    def frames(self) -> int:
        return self.progress.frames if self.progress else 0

    @property
    def notes(self) -> tuple[str, ...]:
        return (*self._job.notes, *self._ending)

    def roll(self, target: Path) -> Iterator[Progress]:
        """Yield progress until the end; the thread always ends before this generator does."""
        with ThreadPoolExecutor(1, "impasto-video") as pool:
            try:
                work = pool.submit(self._job.run, target, self._hear, self._stop, cut=True)
                while not wait([work], _BETWEEN).done:
                    self._look_at_clock()
                    if self.progress:
                        yield self.progress
                self._ending = self._explain(work, target)
            finally:
                self._stop.set()

    def _hear(self, progress: Progress) -> None:
        self.progress = progress

    def _look_at_clock(self) -> None:
        if time.monotonic() > self._deadline and not self._stop.is_set():
            self._is_late = True
            self._stop.set()

    def _explain(self, work: Future[bool], target: Path) -> tuple[str, ...]:
        """Return why the video ended early. Raises the job's exception if there is no video."""
        try:
            if work.result():
                return ()
        except VideoError as error:
            if not target.exists():
                raise
            return (str(error),)
        why = "out of time" if self._is_late else "stopped"
        if not self.frames:
            return (f"{why} before the first frame",)
        return (f"{why} after {self.frames} frames: the video ends there",)


def _left(progress: Progress) -> float | None:
    if not progress.done:
        return None
    return progress.frames * (1 - progress.done) / progress.done / progress.per_second

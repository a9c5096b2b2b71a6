"""Parts of a video that are finished, to resume it, and its progress."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from impasto.errors import UsageError, VideoError
from impasto.imaging.files import replacing
from impasto.imaging.video.clip import Clip, Frame
from impasto.imaging.video.sinks import Sink
from impasto.stylizing.options import VideoOptions

PartState = Mapping[str, NDArray[np.uint8]]

_SUFFIX = ".mp4"
_TIME = re.compile(r"(\d{1,40}(/[1-9]\d{0,40})?)?")  # of a mark: a fraction, or nothing


@dataclass(frozen=True)
class ResumePoint:
    """Position where a part of a video ended.

    Attributes:
        frames: written so far, in all parts.
        next: the time in the clip from which to go on, in seconds; None after the last frame.
        state: arrays that the next frame depends on.
    """

    frames: int = 0
    next: Fraction | None = Fraction(0)
    state: PartState = field(default_factory=dict)


class VideoParts:
    """The folder `TARGET.parts` beside a video. A part counts from when its mark is in place.

    Args:
        target: the video to be.
        job: all that decides how it comes out, as JSON has it.
        start: seconds in the clip where the video begins.
        overwrite: throw the parts of another job away.

    Attributes:
        mark: where to go on.
        found: whether there were parts of this job.

    Raises:
        VideoError: the folder cannot be made or read.
        UsageError: it holds parts of another job.
    """

    def __init__(
        self, target: Path, job: Mapping[str, Any], start: Fraction, *, overwrite: bool = False
    ) -> None:
        self.folder = target.with_name(f"{target.name}.parts")
        self._marks = 0
        self.mark = ResumePoint(next=start)
        try:
            self._claim(job, overwrite)
        except OSError as error:
            raise VideoError(f"{self.folder} cannot be used: {error.strerror or error}") from error
        while (mark := _read_mark(self._path(self._marks, ".mark"))) is not None:
            has_frames = mark.frames > self.mark.frames
            if has_frames and not self._path(self._marks, _SUFFIX).exists():
                break  # somebody removed it: it is made again
            self.mark, self._marks = mark, self._marks + 1
        self.found = self._marks > 0

    @property
    def segments(self) -> Sequence[Path]:
        """The finished parts in their order."""
        paths = [self._path(number, _SUFFIX) for number in range(self._marks)]
        return [path for path in paths if path.exists()]  # the last one may have had no frames

    @contextmanager
    def writer(self, make: Callable[[Path], Sink]) -> Iterator[Sink]:
        """Open the writer of the next part; without frames there is none."""
        path = self._path(self._marks, _SUFFIX)
        path.unlink(missing_ok=True)
        with make(path) as sink:
            yield sink

    def add(self, mark: ResumePoint) -> None:
        """Count the part that was just written. Raises ImageError: the disk is full."""
        numbers = {"frames": str(mark.frames), "next": "" if mark.next is None else str(mark.next)}
        with replacing(self._path(self._marks, ".mark")) as temporary:
            state = {name: np.ascontiguousarray(array) for name, array in mark.state.items()}
            temporary.write_bytes(save(state, numbers))
        self.mark, self._marks = mark, self._marks + 1

    def remove(self) -> None:
        """The folder with all that is in it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _claim(self, job: Mapping[str, Any], overwrite: bool) -> None:
        """The folder is there afterwards, and this job's."""
        found = self._read_job()
        if found == job:
            return
        if found is not None and not overwrite:
            if isinstance(found, dict) and {**found, "clip": job.get("clip")} == job:
                raise UsageError(
                    f"{self.folder} holds an unfinished video of another clip, or the clip has changed "
                    "since: throw it away with overwrite=True"
                )
            raise UsageError(
                f"{self.folder} holds an unfinished video that was made otherwise: finish it with the same "
                "options, or throw it away with overwrite=True"
            )
        self.remove()
        self.folder.mkdir()
        with replacing(self.folder / "job.json") as temporary:
            temporary.write_text(json.dumps(job, indent=1), encoding="utf-8")

    def _path(self, number: int, suffix: str) -> Path:
        return self.folder / f"{number:05}{suffix}"

    def _read_job(self) -> Any:
        try:
            return json.loads((self.folder / "job.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError, RecursionError):
            return None


def _read_mark(path: Path) -> ResumePoint | None:
    """Read a resume point; None where it is missing or damaged."""
    try:
        with safe_open(path, "np") as file:
            numbers = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        following, frames = numbers["next"], int(numbers["frames"])
        if not _TIME.fullmatch(following) or any(array.dtype != np.uint8 for array in state.values()):
            return None
        return ResumePoint(max(0, frames), Fraction(following) if following else None, state)
    except (OSError, SafetensorError, KeyError, ValueError, TypeError):
        return None


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

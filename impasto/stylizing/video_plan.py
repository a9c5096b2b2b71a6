"""Estimate what a video takes, from its header and a trial of its first frames."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from impasto.device import peak_memory
from impasto.imaging.video.clip import ClipInfo, Frame
from impasto.imaging.video.sinks import Sink
from impasto.imaging.video.stream_plan import StreamPlan
from impasto.stylizing.options import VideoOptions

_MOST_FRAMES = 25
_LONGEST = 5.0  # seconds; two frames are made in any case


@dataclass(frozen=True)
class FrameTrial:
    """Frames made and thrown away: their number, seconds and bytes for each, and the peak of memory."""

    frames: int
    seconds: float
    size: float
    memory: int | None


@dataclass(frozen=True)
class VideoPlan:
    """Of a video, an animation or a folder of pictures.

    Attributes:
        frames: to be made; None if the clip does not say how long it is.
        length: seconds of the clip that they are of; None likewise.
        info: of the result.
        codec: of the frames; empty for animations and pictures.
        seconds: that the work will take; None if `frames` is.
        size: bytes of the result's frames; None likewise.
        memory: bytes at the most; None where the system does not tell.
        streams: of the source, with what becomes of each.
        notes: sentences that the user should hear.
    """

    frames: int | None
    length: float | None
    info: ClipInfo
    codec: str
    seconds: float | None
    size: float | None
    memory: int | None
    streams: tuple[StreamPlan, ...]
    notes: tuple[str, ...]


def try_frames(frames: Iterable[Frame], make: Callable[[Path], Sink]) -> FrameTrial:
    """Make the first frames, for some seconds, and throw them away.

    Args:
        frames: as they are written.
        make: gives the sink to write them to, in a folder.
    """
    moments = [monotonic()]
    with TemporaryDirectory() as folder:
        with make(Path(folder)) as sink:
            for frame in islice(frames, _MOST_FRAMES):
                sink.write(frame)
                moments.append(monotonic())
                if len(moments) > 3 and moments[-1] - moments[1] > _LONGEST:
                    break
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    count = len(moments) - 1
    # the first frame takes longest, as all gets ready
    seconds = (moments[-1] - moments[1]) / (count - 1) if count > 1 else moments[-1] - moments[0]
    return FrameTrial(count, seconds, size / max(1, count), peak_memory())


def count_frames(info: ClipInfo, options: VideoOptions) -> tuple[int | None, float | None]:
    """How many frames of a clip the options choose, and of how many seconds; None where it is not known."""
    length = info.duration
    if length is None and info.frames is not None:
        length = float(info.frames / info.rate)
    if length is None:
        length = options.end
    if length is None:
        return None, None
    if info.frames is not None and options.start == 0 and options.end is None:
        return math.ceil(info.frames / options.every), length
    chosen = max(0.0, min(length, options.end or math.inf) - options.start)
    frames = math.ceil(round(Fraction(chosen) * info.rate, 3) / options.every)
    return frames, chosen

"""Which of a clip's frames are taken, and how long each is shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Generic, TypeVar

from impasto.errors import UsageError, VideoError
from impasto.imaging import ffmpeg
from impasto.imaging.video.clip import Seconds

Content = TypeVar("Content")

SLACK = Fraction(1, 10_000)  # seconds: a time that went through a float is still the time of its frame
# In seconds, as in FFmpeg: an interrupted capture goes on with other time stamps, while in other files a
# pause may be meant, unless it is longer than any film.
_JUMP_IN_STREAMS = 10
LONGEST_PAUSE = 30 * 3600
_BACK = 1  # a little is no jump
_UNKNOWN = Fraction(1, 25)  # how long a packet lasts that does not say so


@dataclass(frozen=True)
class TimedFrame(Generic[Content]):
    """A frame that has not become RGB yet, with index, time and duration as in `Frame`."""

    index: int
    time: Fraction
    duration: Fraction
    content: Content


@dataclass(frozen=True)
class FrameRange:
    """The part of a clip to be read; see `Clip.frames`. Raises UsageError if it cannot mean anything."""

    start: Seconds = 0
    end: Seconds | None = None
    every: int = 1

    def __post_init__(self) -> None:
        if self.start < 0:
            raise UsageError(f"a clip starts at 0 seconds or later, not at {float(self.start):g}")
        if self.end is not None and self.end <= self.start:
            raise UsageError(
                f"a clip ends after its start, {float(self.start):g} s, not at {float(self.end):g} s"
            )
        if self.every < 1:
            raise UsageError(f"every is 1 for all frames, 2 for every second and so on, not {self.every}")

    def ends_before(self, time: Fraction) -> bool:
        return self.end is not None and time + SLACK >= self.end

    def cut(self, time: Fraction) -> Fraction:
        """A time, or the span's end where that is clearly earlier."""
        return time if self.end is None or time <= self.end + SLACK else Fraction(self.end)

    def starts_after(self, time: Fraction) -> bool:
        return time + SLACK < self.start


def select(moments: Iterable[TimedFrame[Content]], span: FrameRange) -> Iterator[TimedFrame[Content]]:
    """The moments in the span, each lasting until the next one; one is held back, to know how long.

    Where `moments` raises a VideoError, the one that was held back comes first.
    """
    kept: TimedFrame[Content] | None = None
    damage, finish, count = None, Fraction(0), 0
    try:
        for moment in moments:
            if span.ends_before(moment.time):
                finish = span.cut(moment.time)
                break
            if span.starts_after(moment.time):
                continue
            if count % span.every == 0:
                if kept is not None:
                    yield replace(kept, duration=moment.time - kept.time)
                kept = moment
            finish, count = moment.time + moment.duration, count + 1
    except VideoError as error:
        damage = error
    if kept is not None:
        yield replace(kept, duration=finish - kept.time)
    if damage is not None:
        raise damage


class Timeline:
    """Shifts the packets of one reading of a file, all tracks alike, wherever their time stamps jump.

    To be the same in each reading, it must see all packets of sound and pictures from the file's beginning.

    Args:
        container: the open `av` container of the packets.

    Attributes:
        jumps: so far, each as seconds on the closed time line, and the seconds by which the stamps jumped.
    """

    def __init__(self, container: Any) -> None:
        self._limit = _JUMP_IN_STREAMS if _is_stream(container) else LONGEST_PAUSE
        self._shift = Fraction(0)
        self._next: dict[int, Fraction] = {}  # by track: where its next packet is expected
        self.jumps: list[tuple[float, float]] = []

    def close(self, packets: Iterable[Any]) -> Iterator[Any]:
        """The same packets, with time stamps that go on."""
        for packet in packets:
            if packet.stream.type in ("audio", "video"):
                self._follow(packet)
            if packet.stream.type in ("audio", "video", "subtitle"):
                self._move(packet)
            yield packet

    def _follow(self, packet: Any) -> None:
        """Look for a jump before this packet."""
        # frames are stored in another order than shown, at slow rates by many seconds
        stamp = packet.pts if packet.dts is None and packet.stream.type != "video" else packet.dts
        if stamp is None:
            return
        base, track = packet.time_base, packet.stream.index
        time = stamp * base + self._shift
        expected = self._next.get(track)
        if expected is not None and not -_BACK <= time - expected <= self._limit:
            self.jumps.append((float(expected), float(time - expected)))
            self._shift -= time - expected
            time = expected
        duration = (packet.duration or 0) * base
        self._next[track] = time + (duration if 0 < duration <= self._limit else _UNKNOWN)

    def _move(self, packet: Any) -> None:
        if self._shift:
            ticks = round(self._shift / packet.time_base)
            packet.pts = None if packet.pts is None else packet.pts + ticks
            packet.dts = None if packet.dts is None else packet.dts + ticks


def jumps_before(path: Path, end: Seconds) -> bool:
    """Return whether time stamps jump before `end`, in the file's own seconds: seeking by time then misleads.

    Only formats whose stamps may jump, as those of MPEG-TS, are read for it, without decoding.
    """
    with ffmpeg.open_input(path) as container:
        if not _is_stream(container):
            return False
        timeline = Timeline(container)
        for packet in timeline.close(ffmpeg.demux(container)):
            if timeline.jumps or (packet.dts is not None and packet.dts * packet.time_base > end):
                break
        return bool(timeline.jumps)


def _is_stream(container: Any) -> bool:
    """Return whether FFmpeg expects jumps in files of this format."""
    flag = ffmpeg.load("Reading a video").format.Flags.ts_discont
    return bool(container.format.flags & flag.value)

"""Which of a clip's frames are taken, and how long each is shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Generic, TypeVar

from impasto.errors import UsageError, VideoError
from impasto.imaging.video.clip import Seconds

Content = TypeVar("Content")

SLACK = Fraction(1, 10_000)  # seconds: a time that went through a float is still the time of its frame


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

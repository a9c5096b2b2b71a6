"""Whole frames from the two fields of interlaced ones, by FFmpeg's bwdif."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from impasto.errors import VideoError
from impasto.imaging import ffmpeg

Deinterlace = Literal["auto", "on", "off"]
Fields = Literal["interlaced", "all"]  # which frames bwdif changes: those that say so, or each

LOOK_AT = 5  # frames at the start of a video, as some begin with a progressive title
_INTERLACED_ORDERS = (2, 3, 4, 5)  # of FFmpeg's AVFieldOrder


def choose_fields(deinterlace: Deinterlace, stream: Any, flagged: bool) -> Fields | None:
    """Which frames of an `av` stream are to be deinterlaced; None for none.

    Args:
        flagged: whether one of its first frames says that it is interlaced.
    """
    if deinterlace == "on":
        return "all"
    if deinterlace == "off" or not is_interlaced(stream, flagged):
        return None
    # files that mix both flag their frames one by one; where only the stream says it, all are meant
    return "interlaced" if flagged else "all"


def is_interlaced(stream: Any, flagged: bool) -> bool:
    """Return whether an `av` stream, or one of its first frames, says that it is interlaced."""
    return flagged or stream.codec_context.field_order in _INTERLACED_ORDERS


def deinterlaced(frames: Iterable[Any], fields: Fields) -> Iterator[Any]:
    """One `av` frame for each, with the same time stamps, one frame later.

    Each is made from its neighbors, too. Where `frames` raises a VideoError, what was held back comes first.
    """
    damage, graph = None, None
    try:
        for frame in frames:
            if graph is None or not graph.takes(frame):
                yield from () if graph is None else graph.finish()
                graph = _Bwdif(frame, fields)
            yield from graph.take(frame)
    except VideoError as error:
        damage = error
    if graph is not None:
        yield from graph.finish()
    if damage is not None:
        raise damage


class _Bwdif:
    """FFmpeg's filter for frames of one size and pixel format."""

    def __init__(self, frame: Any, fields: Fields) -> None:
        self._av = ffmpeg.load("Reading a video")
        self._kind = _kind(frame)
        self._graph = ffmpeg.filter_graph(frame, "bwdif", mode="send_frame", parity="auto", deint=fields)
        self._times: deque[tuple[int | None, int]] = deque()

    def takes(self, frame: Any) -> bool:
        return self._kind == _kind(frame)

    def take(self, frame: Any) -> Iterator[Any]:
        self._times.append((frame.pts, frame.duration))
        self._graph.push(frame)
        yield from self._ready()

    def finish(self) -> Iterator[Any]:
        self._graph.push(None)
        yield from self._ready()

    def _ready(self) -> Iterator[Any]:
        while True:
            try:
                frame = self._graph.pull()
            except (self._av.BlockingIOError, self._av.EOFError):
                return
            # the filter counts in halves of the unit; it gives one frame for each, in their order
            frame.pts, frame.duration = self._times.popleft()
            yield frame


def _kind(frame: Any) -> tuple[int, int, str]:
    return frame.width, frame.height, frame.format.name

"""Video files, frame by frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

from impasto.errors import VideoError
from impasto.imaging import ffmpeg
from impasto.imaging.video.clip import ClipInfo, Frame, Seconds
from impasto.imaging.video.color import Converter, find_decoder
from impasto.imaging.video.deinterlacing import Deinterlace, deinterlaced
from impasto.imaging.video.probe import Probe, find_video, probe
from impasto.imaging.video.timing import (
    LONGEST_PAUSE,
    SLACK,
    FrameRange,
    TimedFrame,
    Timeline,
    jumps_before,
    select,
)

_RUN_UPS = (0, 1, 5, 30)  # seconds before the start to look for a key frame, one after the other
_MISSING = 0.5  # seconds without a frame at the end that are no accident any more


class VideoClip:
    """A video file as a `Clip`. Decoding uses all processors; only a handful of frames is held at a time.

    Args:
        path: of the file.
        deinterlace: interlaced frames, where the file says so ("auto"), all frames, or none.

    Raises:
        VideoError: missing, empty, not a video, unknown or damaged from the start.
        MissingExtraError: PyAV is not installed.
    """

    def __init__(self, path: Path, deinterlace: Deinterlace = "auto") -> None:
        self._path = path
        self._probe = probe(path, deinterlace)
        self._damage = Damage(self._probe)

    @property
    def info(self) -> ClipInfo:
        return self._probe.info

    @property
    def notes(self) -> tuple[str, ...]:
        return self.info.notes + self._damage.notes()

    def frames(self, start: Seconds = 0, end: Seconds | None = None, every: int = 1) -> Iterator[Frame]:
        return self._frames(FrameRange(start, end, every))

    def _frames(self, span: FrameRange) -> Iterator[Frame]:
        self._damage = Damage(self._probe)
        convert = Converter(self._probe.palette, self._probe.stored)
        decoder = _Decoder(self._path, self._probe, self._damage)
        for moment in select(decoder.moments(span.start), span):
            with ffmpeg.explaining(f"{self._path} has colors that cannot be converted"):
                pixels = self._probe.turn(convert(moment.content))
                alpha = self._probe.turn(convert.alpha(moment.content)) if self.info.has_alpha else None
            yield Frame(moment.index, moment.time, moment.duration, pixels, alpha)


class _Decoder:
    """One reading of a video: `av` frames with index and time."""

    def __init__(self, path: Path, probe: Probe, damage: Damage) -> None:
        self._path, self._probe, self._damage = path, probe, damage
        self._error = ffmpeg.load("Reading a video").FFmpegError
        self._base, self._step = probe.info.time_base, 1 / probe.info.rate

    def moments(self, start: Seconds) -> Iterator[TimedFrame[Any]]:
        """All frames from `start` on, and perhaps some before it."""
        # a deinterlaced frame is made from the one before it, too
        start = max(Fraction(0), start - 2 * self._step) if self._probe.fields else start
        origin = self._probe.origin * self._base
        can_seek = start > SLACK and not jumps_before(self._path, start + origin)
        for run_up in _RUN_UPS if can_seek else ():
            if start <= run_up + SLACK:
                break
            with ffmpeg.open_input(self._path) as container:
                if not self._seek(container, start - run_up):
                    break
                frames = self._whole_frames(container)
                first = next(frames, None)
                stamp = None if first is None else self._probe.stamp(first)
                if stamp is not None and self._at(stamp) <= start + SLACK:
                    yield from self._timed(chain([first], frames), self._index_at(stamp))
                    return
        with ffmpeg.open_input(self._path) as container:
            yield from self._timed(self._whole_frames(container), 0)

    def _timed(self, frames: Iterable[Any], index: int) -> Iterator[TimedFrame[Any]]:
        """Frames whose time does not advance are left out, as FFmpeg does where the rate varies."""
        last: Fraction | None = None
        for frame in frames:
            after = Fraction(0) if last is None else last + self._step
            stamp = self._probe.stamp(frame)
            time = after if stamp is None else self._at(stamp)
            if last is not None and time <= last:
                continue
            if last is not None and time - last > LONGEST_PAUSE:
                raise self._damage.error(f"the next frame is {float(time - last) / 3600:,.0f} hours later")
            self._damage.see_frame(frame, float(time))
            duration = frame.duration * self._base if frame.duration else self._step
            yield TimedFrame(index, time, duration, frame)
            last, index = time, index + 1

    def _whole_frames(self, container: Any) -> Iterator[Any]:
        """Frames from here to the end, without combs if that was wanted."""
        frames = self._decode(container)
        return deinterlaced(frames, self._probe.fields) if self._probe.fields else frames

    def _decode(self, container: Any) -> Iterator[Any]:
        """Frames from here to the end, or to a breakage, which raises VideoError."""
        stream, fault = find_video(container, self._probe.info.name), None
        decoder = find_decoder(stream)
        timeline = Timeline(container)
        self._damage.jumps = timeline.jumps
        try:
            for packet in timeline.close(self._seen(ffmpeg.demux(container))):
                if packet.stream.index == stream.index:
                    yield from self._decode_packet(decoder, packet)
        except self._error as error:
            fault = error
        if fault is not None:
            yield from self._decode_packet(decoder, None)  # what the decoder's threads still hold
            raise self._damage.error(ffmpeg.reason(fault)) from fault
        self._damage.check_end(container, stream)

    def _seen(self, packets: Iterable[Any]) -> Iterator[Any]:
        for packet in packets:
            self._damage.see_packet(packet)
            yield packet

    def _decode_packet(self, decoder: Any, packet: Any | None) -> list[Any]:
        try:
            frames: list[Any] = decoder.decode(packet)
        except self._error:
            if packet is not None and packet.size:
                self._damage.skip(packet)
            return []
        return frames

    def _seek(self, container: Any, start: Seconds) -> bool:
        """Go to the key frame before, if files of this kind let one."""
        stamp = self._probe.origin + int(Fraction(start) / self._base)
        try:
            container.seek(stamp, stream=container.streams[self._probe.stream])
        except self._error:
            return False
        return True

    def _at(self, stamp: int) -> Fraction:
        return (stamp - self._probe.origin) * self._base

    def _index_at(self, stamp: int) -> int:
        """Number of frames before a time stamp, counted from packets without decoding."""
        if self._probe.is_steady:
            return round(self._at(stamp) / self._step)
        count = 0
        with ffmpeg.open_input(self._path) as container:
            try:
                for packet in ffmpeg.demux(container, container.streams[self._probe.stream]):
                    if packet.dts is not None and packet.dts > stamp:
                        break
                    if packet.size and packet.pts is None:
                        return round(self._at(stamp) / self._step)
                    count += bool(packet.size and packet.pts < stamp and not packet.is_discard)
            except self._error as error:
                raise VideoError(f"{self._path} cannot be read again: {ffmpeg.reason(error)}") from error
        return count


@dataclass
class Damage:
    """Watches packets and frames go by, in seconds since the first frame."""

    probe: Probe
    skipped: list[float] = field(default_factory=list)  # packets that could not be decoded
    flawed: list[float] = field(default_factory=list)  # frames that the decoder patched up
    jumps: list[tuple[float, float]] = field(default_factory=list)  # of time stamps: when, by how much
    last_frame: float = 0.0
    _farthest: float = 0.0  # end of any packet, of sound too
    _farthest_video: float = 0.0
    _last_stamp: int | None = None  # of decoding, of the video

    def see_packet(self, packet: Any) -> None:
        end = self._end(packet)
        if end is None:
            return
        self._farthest = max(self._farthest, end)
        if packet.stream.index == self.probe.stream:
            self._farthest_video = max(self._farthest_video, end)
            self._last_stamp = packet.dts

    def skip(self, packet: Any) -> None:
        """A packet could not be decoded."""
        stamp = packet.dts if packet.pts is None else packet.pts
        self.skipped.append(self.last_frame if stamp is None else self._seconds(packet, stamp))

    def see_frame(self, frame: Any, time: float) -> None:
        self.last_frame = time
        if frame.is_corrupt:
            self.flawed.append(time)

    def error(self, why: str) -> VideoError:
        """The error to raise when no more frames can be read."""
        name = self.probe.info.name
        return VideoError(f"{name} is damaged or cut short at {self.last_frame:.1f} s: {why}")

    def check_end(self, container: Any, stream: Any) -> None:
        """Raise VideoError if the file ends before what it says itself, or is unreadable up to its end."""
        entries = stream.index_entries
        is_listed = "mov" in container.format.name and len(entries)  # in others, the index is no full list
        if is_listed and (self._last_stamp or 0) < entries[len(entries) - 1].timestamp:
            raise self.error("the frames after that, which its index lists, are missing")
        declared = self.probe.declared_end
        ends_early = declared is not None and self._farthest < declared - _MISSING
        if declared is not None and ends_early and not self._has_subtitle_at(declared):
            raise self.error(f"it should go on until {declared:.1f} s")
        if self.skipped and self._farthest_video > self.last_frame + _MISSING:
            raise self.error("nothing after that can be decoded")

    def _has_subtitle_at(self, end: float) -> bool:
        """Return whether a subtitle lasts until then; it may have begun before reading did."""
        with ffmpeg.open_input(Path(self.probe.info.name)) as container:
            tracks = container.streams.subtitles
            try:
                ends = [self._end(packet) for packet in ffmpeg.demux(container, tracks)] if tracks else []
            except ffmpeg.load("Reading a video").FFmpegError:
                return False
        return any(found is not None and found > end - _MISSING for found in ends)

    def _end(self, packet: Any) -> float | None:
        stamp = packet.dts if packet.pts is None else packet.pts
        return None if stamp is None else self._seconds(packet, stamp + (packet.duration or 0))

    def notes(self) -> tuple[str, ...]:
        """Sentences on what was passed over."""
        name, found = self.probe.info.name, []
        if self.skipped:
            found.append(f"{name} has damaged packets, which were left out: {_places(self.skipped)}")
        if self.flawed:
            found.append(f"{name} has damaged frames, which were patched up: {_places(self.flawed)}")
        if self.jumps:
            times = [time - self._origin for time, _ in self.jumps]
            found.append(f"{name} has time stamps that jump, which were closed: {_places(times)}")
        return tuple(found)

    def _seconds(self, packet: Any, stamp: int) -> float:
        return float(stamp * packet.time_base) - self._origin

    @property
    def _origin(self) -> float:
        return float(self.probe.origin * self.probe.info.time_base)


def _places(times: list[float]) -> str:
    return f"{len(times)}, the first at {max(0.0, times[0]):.1f} s"

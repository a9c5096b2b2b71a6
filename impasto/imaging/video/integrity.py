"""Damage in a video: reported where reading goes on, an error where it cannot."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from impasto.errors import VideoError
from impasto.imaging import ffmpeg
from impasto.imaging.video.probe import Probe

_MISSING = 0.5  # seconds without a frame at the end that are no accident any more


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
                ends = [self._end(packet) for packet in container.demux(tracks)] if tracks else []
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

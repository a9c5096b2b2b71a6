"""Video files, frame by frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

from impasto.errors import VideoError
from impasto.imaging import ffmpeg
from impasto.imaging.video.clip import ClipInfo, Frame, Seconds
from impasto.imaging.video.deinterlacing import Deinterlace, deinterlaced
from impasto.imaging.video.integrity import Damage
from impasto.imaging.video.probe import Probe, find_video, probe
from impasto.imaging.video.rgb import Converter
from impasto.imaging.video.timed_frames import SLACK, FrameRange, TimedFrame, select
from impasto.imaging.video.timeline import LONGEST_PAUSE, Timeline, jumps_before
from impasto.imaging.video.transparency import find_decoder

_RUN_UPS = (0, 1, 5, 30)  # seconds before the start to look for a key frame, one after the other


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
            for packet in timeline.close(self._seen(container.demux())):
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
                for packet in container.demux(container.streams[self._probe.stream]):
                    if packet.dts is not None and packet.dts > stamp:
                        break
                    if packet.size and packet.pts is None:
                        return round(self._at(stamp) / self._step)
                    count += bool(packet.size and packet.pts < stamp and not packet.is_discard)
            except self._error as error:
                raise VideoError(f"{self._path} cannot be read again: {ffmpeg.reason(error)}") from error
        return count

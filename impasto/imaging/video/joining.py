"""Segments to one video: packets are copied, and the source's sound and titles come along."""

from __future__ import annotations

import heapq
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

from impasto.errors import UsageError, VideoError
from impasto.imaging import ffmpeg
from impasto.imaging.files import check_target, replacing
from impasto.imaging.video.attachments import add_covers, copy_attachments
from impasto.imaging.video.chapters import copy_chapters
from impasto.imaging.video.clip import ClipInfo, Seconds
from impasto.imaging.video.data_tracks import add_data
from impasto.imaging.video.encoding import CONTAINERS, FORMATS, MP4_LIKE, written_color
from impasto.imaging.video.facts import copy_timecode, copy_titles, movie_options, name_lost_titles
from impasto.imaging.video.probe import probe
from impasto.imaging.video.sound import Packets, SoundCut, add_tracks
from impasto.imaging.video.subtitles import add_subtitles
from impasto.imaging.video.timed_frames import SLACK
from impasto.imaging.video.timeline import Timeline, jumps_before
from impasto.imaging.video.transparency import ALPHA_MODE, stores_alpha_apart

_RUN_UP = 1  # second before a cut to look for sound


def join(
    segments: Sequence[Path],
    source: Path | None,
    target: str | os.PathLike[str],
    info: ClipInfo,
    start: Seconds = 0,
    end: Seconds | None = None,
) -> tuple[str, ...]:
    """Make one video of segments, which appears whole or not at all, without encoding frames again.

    Its first frame is at 0. All tracks of sound are copied, or encoded as AAC (Opus in WebM, AC-3 in AVI)
    where the file cannot hold them, and keep their place beside the frames. Titles, dates, languages
    and chapters are copied, subtitles, too, or converted where the file calls for other ones.

    Args:
        segments: of one `Encoding`, in the order of their times.
        source: the video that the frames came from, for its sound and titles; None for pictures.
        target: its suffix is one of `CONTAINERS`.
        info: that the segments were written with.
        start: where the frames were cut from the source, in seconds after its first frame.
        end: likewise; None if nothing was cut off.

    Returns:
        Sentences that the user should hear.

    Raises:
        VideoError: a segment is missing, damaged or of another encoding than the first, or the disk is full.
        UsageError: no segments, or a target that cannot hold them.
        ImageError: the target's folder is missing or not writable.
    """
    path = check_target(target)
    if path.suffix.lower() not in CONTAINERS:
        raise UsageError(f"{path} is not the name of a video; end it with one of {', '.join(CONTAINERS)}")
    if not segments:
        raise UsageError(f"{path} has no frames: the part that was chosen holds none")
    with (
        replacing(path) as temporary,
        ffmpeg.explaining(f"{path} could not be written"),
        _Joining(segments, source, path) as joining,
    ):
        return joining.write(temporary, info, start, end)


class _Joining(ExitStack):
    """The files that are open while segments are joined."""

    def __init__(self, segments: Sequence[Path], source: Path | None, target: Path) -> None:
        super().__init__()
        self._segments, self._source_path, self._target = segments, source, target
        self._suffix = target.suffix.lower()
        first = self.enter_context(ffmpeg.open_input(segments[0]))
        if not first.streams.video or first.streams.video[0].codec_context is None:
            raise VideoError(f"{segments[0]} has no frames: delete it and make it again")
        self._template = first.streams.video[0]
        self._zero = _first_stamp(first, segments[0])
        self._notes: list[str] = []

    def write(self, temporary: Path, info: ClipInfo, start: Seconds, end: Seconds | None) -> tuple[str, ...]:
        av = ffmpeg.load("Writing a video")
        source = (
            None if self._source_path is None else self.enter_context(ffmpeg.open_input(self._source_path))
        )
        options = movie_options(source) if self._suffix in MP4_LIKE else {}
        kind = FORMATS.get(self._suffix)
        with av.open(f"file:{temporary}", "w", format=kind, container_options=options) as output:
            stream = self._add_video(output, info)
            packets = [self._counted(stream, info) if self._suffix == ".avi" else self._frames(stream)]
            if source is not None:
                copy_titles(source, output)
                self._notes += copy_timecode(source, stream, self._suffix, Fraction(start), info.rate)
                cut = self._find_cut(start, end)
                packets += [self._tracks(output, source, cut), self._add_others(output, source, cut)]
            for packet in heapq.merge(*packets, key=_seconds):
                output.mux(packet)
        if source is not None:
            self._notes += name_lost_titles(source, temporary)
        return tuple(f"{self._target}: {note}" for note in self._notes)

    def _add_video(self, output: Any, info: ClipInfo) -> Any:
        try:
            stream = output.add_stream_from_template(self._template, opaque=True)
        except ValueError as error:
            name = self._template.codec_context.name
            raise UsageError(f"{self._target} cannot hold {name}; end its name with .mkv") from error
        context, color = stream.codec_context, written_color(info)
        if stores_alpha_apart(self._template):
            stream.metadata[ALPHA_MODE] = "1"
        if self._suffix in MP4_LIKE:
            context.codec_tag = self._template.codec_context.codec_tag
        context.color_primaries, context.color_trc = color.primaries, color.transfer
        context.colorspace, context.color_range = color.matrix, color.range
        return stream

    def _frames(self, stream: Any) -> Packets:
        """Of all segments, counted from the first one's first."""
        last, likeness = -1, _likeness(self._template)
        for path in self._segments:
            with ffmpeg.open_input(path) as container:
                if not container.streams.video or _likeness(container.streams.video[0]) != likeness:
                    raise VideoError(
                        f"{path} was encoded in another way than {self._segments[0]}: delete the older "
                        "segments and make them again"
                    )
                piece = container.streams.video[0]
                end = _find_end(container, piece)
                for packet in container.demux(piece):
                    if not packet.size:
                        continue
                    if packet.pts is None or end is None:
                        raise VideoError(f"{path} is damaged: delete it and make it again")
                    # only that of the last packet counts; what FFmpeg finds for VP9 is a guess
                    packet.duration = end - packet.pts
                    packet.pts -= self._zero
                    if packet.pts <= last:
                        raise VideoError(f"{path} begins before the segment before it ends: make both again")
                    packet.dts, packet.stream, last = packet.pts, stream, packet.pts
                    yield packet

    def _counted(self, stream: Any, info: ClipInfo) -> Packets:
        """The same for a file that has no times, but counts frames; H.264 is as in streams there."""
        tick = 1 / info.rate
        stream.time_base = tick
        start_codes = _filter("h264_mp4toannexb", self._template)
        last, moved = -1, Fraction(0)
        for packet in self._frames(stream):
            time = packet.pts * packet.time_base
            count = max(last + 1, round(time / tick))
            last, moved = count, max(moved, abs(count * tick - time))
            for ready in start_codes.filter(packet):
                ready.time_base, ready.stream = tick, stream
                ready.pts, ready.dts, ready.duration = count, count, 1
                yield ready
        if moved > tick / 10:
            self._notes.append(
                f"{self._suffix} knows only a steady rate, so frames are up to {float(moved):.2f} s off "
                "their times; .mp4 and .mkv keep them"
            )

    def _find_cut(self, start: Seconds, end: Seconds | None) -> SoundCut:
        assert self._source_path is not None
        origin = _origin(self._source_path)
        zero = origin + self._zero * self._template.time_base
        return SoundCut(zero, None if end is None else origin + Fraction(end), start <= SLACK)

    def _tracks(self, output: Any, source: Any, cut: SoundCut) -> Packets:
        """Adds those of sound and subtitles now; the packets come later."""
        tracks: dict[int, Callable[[Any], Packets]] = {}
        for add in (add_tracks, add_subtitles, add_data):
            added, notes = add(output, source, self._suffix, cut)
            tracks |= added
            self._notes += notes
        assert self._source_path is not None
        if not cut.is_whole and not jumps_before(self._source_path, cut.zero):
            source.seek(max(0, int((cut.zero - _RUN_UP) * 1_000_000)))
        return self._take_packets(source, tracks)

    def _add_others(self, output: Any, source: Any, cut: SoundCut) -> Packets:
        assert self._source_path is not None
        covers, notes = add_covers(output, source, self._source_path, self._suffix)
        self._notes += [
            *copy_chapters(source, output, self._suffix, cut),
            *notes,
            *copy_attachments(source, output, self._suffix),
        ]
        return iter(covers)

    def _take_packets(self, source: Any, tracks: dict[int, Callable[[Any], Packets]]) -> Packets:
        error = ffmpeg.load("Writing a video").FFmpegError
        if not tracks:
            return  # demux would take an empty list for all
        try:
            for packet in Timeline(source).close(source.demux()):
                if packet.stream.index in tracks:
                    yield from tracks[packet.stream.index](packet)
        except error as fault:
            self._notes.append(f"the sound is damaged and ends early ({ffmpeg.reason(fault)})")


def _filter(name: str, template: Any) -> Any:
    return ffmpeg.load("Writing a video").bitstream.BitStreamFilterContext(name, template)


def _seconds(packet: Any) -> float:
    return float(packet.dts * packet.time_base)


def _first_stamp(container: Any, path: Path) -> int:
    for packet in container.demux(video=0):
        if packet.pts is not None:
            return int(packet.pts)
    raise VideoError(f"{path} has no frames: delete it and make it again")


def _find_end(container: Any, stream: Any) -> int | None:
    """Where a segment's frames end, in the stream's unit; WebM says it of the file only."""
    if None not in (stream.start_time, stream.duration):
        return int(stream.start_time + stream.duration)
    if container.duration is None:
        return None
    end: int = round(Fraction(container.duration, 1_000_000) / stream.time_base)
    return end


def _likeness(stream: Any) -> tuple[Any, ...]:
    """Stream properties that two segments must share to be joined without re-encoding."""
    context = stream.codec_context
    if context is None:
        return ()
    size = (context.width, context.height)
    return context.name, size, context.pix_fmt, stream.time_base, context.extradata


def _origin(path: Path) -> Fraction:
    """The time of a video's first frame on its file's own clock, in seconds."""
    found = probe(path)
    return Fraction(0) if found.is_steady else found.origin * found.info.time_base

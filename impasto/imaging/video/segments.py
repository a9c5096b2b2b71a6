"""Segments of a video: frames are encoded into them, and their packets copied into one file."""

from __future__ import annotations

import heapq
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from impasto.errors import UsageError, VideoError
from impasto.imaging import ffmpeg
from impasto.imaging.files import check_target, replacing
from impasto.imaging.video.clip import ClipInfo, Frame, Pixels, Seconds
from impasto.imaging.video.color import ALPHA_MODE, stores_alpha_apart
from impasto.imaging.video.encoding import (
    CONTAINERS,
    FORMATS,
    MP4_LIKE,
    SCALER_MATRIX,
    Encoding,
    written_color,
)
from impasto.imaging.video.other_streams import (
    add_covers,
    add_data,
    add_subtitles,
    copy_attachments,
    copy_chapters,
    copy_timecode,
    copy_titles,
    movie_options,
    name_lost_titles,
)
from impasto.imaging.video.probe import probe
from impasto.imaging.video.sinks import FileSink
from impasto.imaging.video.sound import Packets, SoundCut, add_tracks
from impasto.imaging.video.timing import SLACK, Timeline, jumps_before

_KEY_FRAME_SECONDS = 5  # to jump in a finished video without waiting
_FINEST = 1_000_000  # parts of a second that all encoders take
_LIMITED = 1
_RUN_UP = 1  # second before a cut to look for sound


class SegmentWriter(FileSink):
    """Encodes frames into one segment; frames keep their `time`, so that gaps and starts are remembered.

    There are no B-frames: packets are stored in the order in which they are shown, and the first frame of a
    segment needs none before it. RGB becomes the YUV of the clip's own matrix, limited range, and says so.

    Args:
        path: any name; the file is MP4, MOV for ProRes, or WebM for VP9 with alpha, and appears when closed.
        info: of the clip: `size` of the frames to come, `rate`, `time_base`, `color`, `sample_aspect`.
        encoding: from `choose_encoding`.

    Raises:
        VideoError: the encoder does not take this, or the disk is full; from `write` and `close` too.
        UsageError: from `write`, for a frame of another size.
    """

    def __init__(self, path: str | os.PathLike[str], info: ClipInfo, encoding: Encoding) -> None:
        super().__init__(path)
        self._info, self._encoding = info, encoding
        self._color = written_color(info)
        self._base = info.time_base if info.time_base.denominator <= _FINEST else Fraction(1, _FINEST)
        self._durations: dict[int, int] = {}
        self._av = ffmpeg.load(f"Writing {path}")
        self._scaler = self._av.video.reformatter.VideoReformatter()
        try:
            with self._explaining():
                self._container = self._stack.enter_context(self._open())
                self._stream = self._add_stream()
                self._stream.codec_context.open()
        except BaseException:
            self.discard()
            raise

    def write(self, frame: Frame) -> None:
        """Encode a frame; times must grow."""
        height, width = self._info.size
        if frame.pixels.shape != (height, width, 3):
            raise UsageError(f"a frame is {(height, width, 3)}, not {frame.pixels.shape}")
        with self._explaining():
            picture = self._to_yuv(frame)
            self._mux(self._stream.encode(picture))
        self._is_empty = False

    def _finish(self) -> None:
        with self._explaining():
            self._mux(self._stream.encode(None))
            self._container.close()

    def _explaining(self) -> Any:
        return ffmpeg.explaining(f"{self._path} could not be written")

    def _open(self) -> Any:
        # the unit of edit lists, which hold the time of the first frame
        has_edits = self._encoding.container in ("mp4", "mov")
        options = {"movie_timescale": str(self._base.denominator)} if has_edits else {}
        return self._av.open(
            f"file:{self._temporary}", "w", format=self._encoding.container, container_options=options
        )

    def _add_stream(self) -> Any:
        encoding, info = self._encoding, self._info
        os.environ.setdefault("SVT_LOG", "1")  # or the AV1 encoder tells its life on stderr; 1 is for errors
        stream = self._container.add_stream(
            encoding.encoder, rate=info.rate.limit_denominator(_FINEST), options=encoding.options
        )
        stream.time_base = self._base
        context = stream.codec_context
        context.height, context.width = encoding.size
        context.pix_fmt, context.time_base = encoding.pixel_format, self._base
        context.sample_aspect_ratio = info.sample_aspect
        context.max_b_frames, context.gop_size = 0, max(1, round(_KEY_FRAME_SECONDS * info.rate))
        context.thread_type = "AUTO"
        context.color_primaries, context.color_trc = self._color.primaries, self._color.transfer
        context.colorspace, context.color_range = self._color.matrix, self._color.range
        if encoding.tag:
            context.codec_tag = encoding.tag
        return stream

    def _to_yuv(self, frame: Frame) -> Any:
        flags = self._av.video.reformatter.Interpolation
        picture = self._scaler.reformat(
            self._as_rgb(frame),
            format=self._encoding.pixel_format,
            dst_colorspace=SCALER_MATRIX[self._color.matrix],
            dst_color_range=_LIMITED,
            interpolation=flags.BICUBIC | flags.ACCURATE_RND | flags.FULL_CHR_H_INP,
        )
        picture.pts, picture.time_base = round(frame.time / self._base), self._base
        picture.color_primaries, picture.color_trc = self._color.primaries, self._color.transfer
        picture.colorspace = self._color.matrix
        self._durations[picture.pts] = max(1, round(frame.duration / self._base))
        return picture

    def _as_rgb(self, frame: Frame) -> Any:
        make = self._av.VideoFrame.from_ndarray
        if not self._encoding.has_alpha:
            return make(self._cropped(frame.over_white()), format="rgb24")
        height, width = self._info.size
        alpha = np.full((height, width), 255, np.uint8) if frame.alpha is None else frame.alpha
        return make(self._cropped(np.dstack([frame.pixels, alpha])), format="rgba")

    def _cropped(self, pixels: Pixels) -> Pixels:
        height, width = self._encoding.size
        return np.ascontiguousarray(pixels[:height, :width])

    def _mux(self, packets: Sequence[Any]) -> None:
        for packet in packets:
            packet.duration = self._durations.pop(packet.pts)
            self._container.mux(packet)


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
            for packet in heapq.merge(*packets, key=lambda packet: float(packet.dts * packet.time_base)):
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
                for packet in ffmpeg.demux(container, piece):
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
            for packet in Timeline(source).close(ffmpeg.demux(source)):
                if packet.stream.index in tracks:
                    yield from tracks[packet.stream.index](packet)
        except error as fault:
            self._notes.append(f"the sound is damaged and ends early ({ffmpeg.reason(fault)})")


def _filter(name: str, template: Any) -> Any:
    return ffmpeg.load("Writing a video").bitstream.BitStreamFilterContext(name, template)


def _first_stamp(container: Any, path: Path) -> int:
    for packet in ffmpeg.demux(container, container.streams.video[0]):
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

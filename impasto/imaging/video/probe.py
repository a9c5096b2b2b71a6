"""Probe a video file: its headers and its first frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

from impasto.errors import VideoError
from impasto.imaging import ffmpeg
from impasto.imaging.video.clip import MOST_PIXELS, ClipInfo, check_frame
from impasto.imaging.video.color import ColorSpec, Rotation, find_decoder, find_palette, find_turn, has_alpha
from impasto.imaging.video.deinterlacing import LOOK_AT, Deinterlace, Fields, choose_fields, is_interlaced

_FASTEST = 1000  # frames a second
_PICTURE_BRANDS = ("avif", "heic", "heix", "mif1")
_TEXT_FORMATS = ("tty",)


@dataclass(frozen=True)
class Probe:
    """Facts needed to read a video.

    Attributes:
        info: for everyone.
        stream: index of the video stream in its file.
        origin: time stamp of the first frame, in units of `info.time_base`.
        is_steady: the container has no time stamps, only a rate: what FFmpeg guesses for decoding counts.
        stored: (height, width) before turning.
        palette: how its numbers become RGB.
        turn: makes (H, W, 3) upright.
        declared_end: seconds after the first frame at which the file says that it ends, where a file that is
            cut short still says so; else None.
        fields: which frames are deinterlaced; None for none.
    """

    info: ClipInfo
    stream: int
    origin: int
    is_steady: bool
    stored: tuple[int, int]
    palette: ColorSpec
    turn: Rotation
    declared_end: float | None
    fields: Fields | None = None

    def stamp(self, frame: Any) -> int | None:
        """When an `av` frame is shown, in units of `info.time_base`, if it says."""
        return _stamp(frame, self.is_steady)


def probe(path: Path, deinterlace: Deinterlace = "auto") -> Probe:
    """Look at a video file. Raises VideoError for what cannot be read as one."""
    name = str(path)
    with ffmpeg.open_input(path) as container:
        stream = find_video(container, name)
        rate = _find_rate(stream, name)
        frame, flagged = _first_frame(container, stream, name)
        fields = choose_fields(deinterlace, stream, flagged)
        is_steady = container.format.name == "avi"
        origin = _stamp(frame, is_steady) or 0
        palette = find_palette(frame)
        turn, swaps = find_turn(frame)
        return Probe(
            _make_info(
                name,
                container,
                stream,
                rate,
                frame,
                swaps,
                _fields_note(fields, is_interlaced(stream, flagged)),
            ),
            stream.index,
            origin,
            is_steady,
            (frame.height, frame.width),
            palette,
            turn,
            _declared_end(container, stream, rate, origin),
            fields,
        )


def _make_info(
    name: str, container: Any, stream: Any, rate: Fraction, frame: Any, swaps: bool, notes: Iterable[str]
) -> ClipInfo:
    duration = _find_duration(container, stream)
    aspect = stream.sample_aspect_ratio or Fraction(1)
    palette = find_palette(frame)
    depth = max(component.bits for component in frame.format.components)
    return ClipInfo(
        name,
        (frame.width, frame.height) if swaps else (frame.height, frame.width),
        rate,
        stream.time_base,
        frames=stream.frames or (None if duration is None else round(duration * rate)),
        duration=duration,
        has_audio=bool(container.streams.audio),
        has_alpha=has_alpha(frame),
        bit_depth=depth,
        color=palette.shown,
        sample_aspect=1 / aspect if swaps else aspect,
        notes=tuple(f"{name} {note}" for note in (*_notes(palette, depth), *notes)),
    )


def find_video(container: Any, name: str) -> Any:
    """The video stream to read, which threads will decode. Raises VideoError if there is none, or its
    frames are too large.
    """
    kinds = container.format.name
    brand = container.metadata.get("major_brand", "").strip()
    if kinds.endswith("_pipe") or kinds == "image2" or brand in _PICTURE_BRANDS:
        raise VideoError(f"{name} is a single picture, not a video; stylize it as a photo")
    streams = container.streams.video
    moving = [stream for stream in streams if not stream.disposition & stream.disposition.attached_pic]
    if not moving or kinds in _TEXT_FORMATS:
        sound = ", only sound" if container.streams.audio else ""
        raise VideoError(f"{name} has no moving picture{sound}; choose another file")
    if moving[0].codec_context is None:
        raise VideoError(
            f"{name} is coded in a way that this FFmpeg does not know; convert it to H.264 first"
        )
    context = moving[0].codec_context
    check_frame((context.height, context.width), name)
    context.options = {"max_pixels": str(MOST_PIXELS)}  # for frames that are larger than announced
    moving[0].thread_type = "AUTO"
    return moving[0]


def _stamp(frame: Any, is_steady: bool) -> int | None:
    stamp: int | None = frame.dts if is_steady else frame.pts
    return stamp


def _find_rate(stream: Any, name: str) -> Fraction:
    rates = [rate for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate) if rate]
    for rate in rates:
        if 0 < rate <= _FASTEST:
            return Fraction(rate)
    said = f"{float(rates[0]):g}" if rates else "no"
    raise VideoError(
        f"{name} claims {said} frames a second, which cannot be; write it anew at a rate up to {_FASTEST}, "
        "as with ffmpeg -r 25"
    )


def _first_frame(container: Any, stream: Any, name: str) -> tuple[Any, bool]:
    """The first frame, and whether it or one of the next says that it is interlaced."""
    frame, flagged, decoder = None, False, find_decoder(stream)
    try:
        with ffmpeg.explaining(f"{name} is damaged before its first frame"):
            for found in islice(_good_frames(container, stream, decoder), LOOK_AT):
                frame = found if frame is None else frame
                flagged = flagged or found.interlaced_frame
    except VideoError:
        if frame is None:
            raise
    if frame is None:
        raise VideoError(f"{name} has no frame that can be decoded; it may be damaged or cut short")
    return frame, flagged


def _good_frames(container: Any, stream: Any, decoder: Any) -> Iterator[Any]:
    av = ffmpeg.load("Reading a video")
    for packet in ffmpeg.demux(container, stream):
        try:
            yield from decoder.decode(packet)
        except av.FFmpegError:
            continue


def _find_duration(container: Any, stream: Any) -> float | None:
    if stream.duration:
        return float(stream.duration * stream.time_base)
    if container.duration:
        return float(container.duration / 1_000_000)
    return None


def _declared_end(container: Any, stream: Any, rate: Fraction, origin: int) -> float | None:
    """Only of formats that write it in front: others estimate it from what is there."""
    formats = container.format.name.split(",")
    if "matroska" in formats and container.duration:
        start = (container.start_time or 0) / 1_000_000
        return float(start + container.duration / 1_000_000 - float(origin * stream.time_base))
    if "avi" in formats and stream.frames:
        return float(stream.frames / rate)
    return None


def _notes(palette: ColorSpec, depth: int) -> Iterator[str]:
    if palette.hdr:
        yield f"is HDR ({palette.hdr}); it is shown in SDR, highlights brought down by the curve of BT.2390"
    elif palette.converts:
        yield "has wide colors, which are brought into BT.709"
    if depth > 8:
        yield f"has {depth} bits per channel; frames are read and painted with 8"


def _fields_note(fields: Fields | None, interlaced: bool) -> Iterator[str]:
    if interlaced and fields is None:
        yield "is interlaced, which shows as combs where things move, since deinterlacing is off"
    elif interlaced:
        yield "is interlaced; it is deinterlaced by bwdif"

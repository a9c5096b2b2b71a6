"""Subtitles of a video, brought under other frames: copied, or as plain text in the new file's own way."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from impasto.imaging import ffmpeg
from impasto.imaging.video.encoding import MP4_LIKE
from impasto.imaging.video.sound import Packets, SoundCut, describe

# FFmpeg's names; those that are pictures go nowhere else
_COPIED = {
    **dict.fromkeys(MP4_LIKE, ("mov_text",)),
    ".mkv": ("srt", "subrip", "ass", "ssa", "webvtt", "pgssub", "dvdsub", "dvbsub"),
    ".webm": ("webvtt",),
    ".ts": ("dvbsub",),
}
_TEXT = {**dict.fromkeys(MP4_LIKE, "mov_text"), ".mkv": "subrip", ".webm": "webvtt"}  # to convert to
_MOST_BYTES = 65_535  # of a text in MP4
_STYLE = (
    "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\n"
    "Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, "
    "Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, "
    "MarginL, MarginR, MarginV, Encoding\n"
    "Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,0\n\n"
    "[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
)  # what FFmpeg's encoders for text want to know: how it looks
_TAG = re.compile(r"</?[A-Za-z][^<>]*>|\{\\[^{}]*\}")


def add_subtitles(
    output: Any, source: Any, suffix: str, cut: SoundCut
) -> tuple[dict[int, Callable[[Any], Packets]], list[str]]:
    """A stream in `output` for every stream of subtitles that it can hold; as `sound.add_tracks`."""
    tracks: dict[int, Callable[[Any], Packets]] = {}
    notes = []
    for stream in source.streams.subtitles:
        name = "unknown" if stream.codec_context is None else stream.codec_context.name
        if name in _COPIED.get(suffix, ()):
            track = _Subtitles(output.add_stream_from_template(stream), stream, cut, None)
        elif name in _READERS and suffix in _TEXT:
            track = _Subtitles(_add_text(output, stream, _TEXT[suffix]), stream, cut, _TEXT[suffix])
            if name in ("ass", "ssa"):
                notes.append(
                    f"the subtitles were {name}, which {suffix} does not hold: only their text is kept"
                )
        else:
            notes.append(f"subtitles are left out, since {suffix} does not hold their kind ({name})")
            continue
        describe(track.stream, stream)
        tracks[stream.index] = track.take
    return tracks, list(dict.fromkeys(notes))


def _add_text(output: Any, source: Any, codec: str) -> Any:
    stream = output.add_stream(codec)
    stream.time_base = source.time_base
    stream.codec_context.subtitle_header = _STYLE.encode()
    return stream


class _Subtitles:
    """One track. What is shown when the cut begins or ends is cut, too."""

    def __init__(self, stream: Any, source: Any, cut: SoundCut, codec: str | None) -> None:
        self.stream = stream
        self._source, self._cut, self._codec = source.codec_context.name, cut, codec
        self._packet = ffmpeg.load("Writing a video").Packet

    def take(self, packet: Any) -> Packets:
        if packet.pts is None or not packet.size:
            return
        payload = bytes(packet)
        if self._codec is not None:
            text = _READERS[self._source](payload)
            if not text:
                return  # MP4 stores the time between two of them as an empty one
            payload = _as_mov_text(text) if self._codec == "mov_text" else text.encode()
        base = packet.time_base
        begin = packet.pts * base - self._cut.zero
        end = begin + max(0, packet.duration or 0) * base
        begin, end = max(Fraction(0), begin), end if self._length is None else min(end, self._length)
        if end < begin or (end == begin and packet.duration) or not self._cut.holds(begin, None):
            return
        made = self._packet(payload)
        made.pts = made.dts = round(begin / base)
        made.duration, made.time_base, made.stream = round((end - begin) / base), base, self.stream
        yield made

    @property
    def _length(self) -> Fraction | None:
        return None if self._cut.end is None else self._cut.end - self._cut.zero


def _from_text(payload: bytes) -> str:
    return _TAG.sub("", payload.decode(errors="replace")).strip()


def _from_mov_text(payload: bytes) -> str:
    """After two bytes of length; what follows the text is its style."""
    text = payload[2 : 2 + int.from_bytes(payload[:2], "big")]
    coding = "utf-16" if text[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    return text.decode(coding, errors="replace").strip()


def _from_ass(payload: bytes) -> str:
    """The ninth field of an event."""
    text = payload.decode(errors="replace").split(",", 8)[-1]
    return _TAG.sub("", text.replace(r"\N", "\n").replace(r"\n", "\n")).strip()


def _as_mov_text(text: str) -> bytes:
    content = text.encode()[:_MOST_BYTES].decode(errors="ignore").encode()
    return len(content).to_bytes(2, "big") + content


_READERS = {
    "srt": _from_text,
    "subrip": _from_text,
    "text": _from_text,
    "webvtt": _from_text,
    "mov_text": _from_mov_text,
    "ass": _from_ass,
    "ssa": _from_ass,
}

"""Other streams of a video, brought into another: subtitles, chapters, covers, files, data and titles."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from impasto.imaging import ffmpeg
from impasto.imaging.video.encoding import MP4_LIKE
from impasto.imaging.video.sound import CopiedTrack, Packets, SoundCut, describe

# FFmpeg's names; those that are pictures go nowhere else
_COPIED = {
    **dict.fromkeys(MP4_LIKE, ("mov_text",)),
    ".mkv": ("srt", "subrip", "ass", "ssa", "webvtt", "pgssub", "dvdsub", "dvbsub"),
    ".webm": ("webvtt",),
    ".ts": ("dvbsub",),
}
_TEXT = {**dict.fromkeys(MP4_LIKE, "mov_text"), ".mkv": "subrip", ".webm": "webvtt"}  # to convert to
_MOST_BYTES = 65_535  # of a text in MP4
_TEXT_STYLE = (
    "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\n"
    "Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, "
    "Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, "
    "MarginL, MarginR, MarginV, Encoding\n"
    "Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,0\n\n"
    "[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
)  # what FFmpeg's encoders for text want to know: how it looks
_TAG = re.compile(r"</?[A-Za-z][^<>]*>|\{\\[^{}]*\}")
_HOLD_CHAPTERS = (*MP4_LIKE, ".mkv", ".webm")
_BASE = Fraction(1, 1_000_000)  # of chapters' times
_COVER_KINDS = {"mjpeg": ("jpg", "image/jpeg"), "png": ("png", "image/png")}  # by FFmpeg's names of codecs
_DATA = "bin_data"  # FFmpeg's name for tracks as GoPros write them, the only ones that it can write
_TIMECODE = "timecode"
# of the file, not of what it shows; and what has a way of its own
_NO_TITLES = {"major_brand", "minor_version", "compatible_brands", "encoder", _TIMECODE}
_OF_PHONES = ("com.apple.", "com.android.")  # which MP4 and MOV hold under their full names only
_HOLD_TIMECODE = (*MP4_LIKE, ".mkv", ".webm")
_MOST_NAMES = 10
_DAY = 24  # hours
_FASTEST = 255  # frames a second of a time code: MP4 and MOV have a byte for it
_FINEST = 1_000_000  # denominator of a rate


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
    stream.codec_context.subtitle_header = _TEXT_STYLE.encode()
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


def copy_chapters(source: Any, output: Any, suffix: str, cut: SoundCut) -> list[str]:
    """Chapters within the cut, at their new times; notes on what is lost.

    Args:
        source, output: `av` containers; the header of `output` is not written yet.
        suffix: of the output.
        cut: the part that is kept.
    """
    chapters = _within(source.chapters(), cut)
    if not chapters:
        return []
    if suffix not in _HOLD_CHAPTERS:
        return [f"chapters are left out, since {suffix} does not hold them"]
    output.set_chapters(chapters)
    return []


def _within(chapters: Sequence[Any], cut: SoundCut) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for chapter in chapters:
        begin, end = (chapter[edge] * chapter["time_base"] - cut.zero for edge in ("start", "end"))
        begin = max(Fraction(0), begin)
        end = end if cut.end is None else min(end, cut.end - cut.zero)
        if begin < end:
            times = {"start": round(begin / _BASE), "end": round(end / _BASE), "time_base": _BASE}
            found.append({"id": len(found) + 1, **times, "metadata": dict(chapter["metadata"])})
    return found


def add_covers(output: Any, source: Any, path: Path, suffix: str) -> tuple[list[Any], list[str]]:
    """Packets with the cover pictures of `source` for streams that `output` now has; and notes on lost ones.

    Args:
        source, output: `av` containers; the header of `output` is not written yet.
        path: of `source`, which is read beside it.
        suffix: of the output.
    """
    packets, notes = [], []
    for stream in source.streams.video:
        if not is_cover(stream):
            continue
        codec = "unknown" if stream.codec_context is None else stream.codec_context.name
        content = _read(path, stream.index)
        if content is None or codec not in _COVER_KINDS or suffix not in (*MP4_LIKE, ".mkv"):
            notes.append(f"a cover picture ({codec}) is left out, since {suffix} does not hold it")
        elif suffix == ".mkv":
            ending, kind = _COVER_KINDS[codec]
            output.add_attachment(f"cover.{ending}", kind, content)
        else:
            packets.append(_cover_packet(output, stream, content))
    return packets, notes


def is_cover(stream: Any) -> bool:
    """Return whether an `av` stream of video is a picture that belongs to the file."""
    return bool(stream.disposition & stream.disposition.attached_pic)


def copy_attachments(source: Any, output: Any, suffix: str) -> list[str]:
    """The files that `source` has with it; notes on those that are lost. Only Matroska holds any."""
    attached = source.streams.attachments
    if suffix != ".mkv":
        return [f"attached files are left out, since {suffix} does not hold them"] if attached else []
    for stream in attached:
        kind = stream.mimetype or "application/octet-stream"
        output.add_attachment(stream.name or "attached", kind, stream.data)
    return []


def _read(path: Path, index: int) -> bytes | None:
    with ffmpeg.open_input(path) as container:
        packet = next(ffmpeg.demux(container, container.streams[index]), None)
        return bytes(packet) if packet is not None and packet.size else None


def _cover_packet(output: Any, template: Any, content: bytes) -> Any:
    stream = output.add_stream_from_template(template, opaque=True)
    stream.disposition = template.disposition
    packet = ffmpeg.load("Writing a video").Packet(content)
    packet.pts, packet.dts, packet.time_base = 0, 0, Fraction(1, 1000)
    packet.stream = stream
    return packet


def add_data(
    output: Any, source: Any, suffix: str, cut: SoundCut
) -> tuple[dict[int, Callable[[Any], Packets]], list[str]]:
    """A stream in `output` for every stream of data that it can hold; as `sound.add_tracks`.

    Time codes are no track here, but a fact, from which FFmpeg makes one.
    """
    tracks: dict[int, Callable[[Any], Packets]] = {}
    lost = []
    for stream in source.streams.data:
        if is_timecode(stream) or is_text_of_chapters(stream, source):
            continue
        is_known = stream.name == _DATA and "mov" in source.format.name  # elsewhere it may be anything
        if is_known and suffix in MP4_LIKE:
            track = CopiedTrack(output, stream, cut, suffix)
            describe(track.stream, stream)
            tracks[stream.index] = track.take
        else:
            lost.append(stream.metadata.get("handler_name", "").strip() or stream.name or "unknown")
    return tracks, [f"tracks of data are left out ({', '.join(dict.fromkeys(lost))})"] if lost else []


def is_text_of_chapters(stream: Any, source: Any) -> bool:
    """Return whether an `av` stream of data holds what MP4 says of chapters, which are copied apart."""
    return stream.name == _DATA and bool(source.chapters())


def movie_options(source: Any | None) -> dict[str, str]:
    """Options of FFmpeg's writer of MP4 and MOV for the facts of `source`, an `av` container."""
    flags = "+faststart"  # the index in front
    if source is not None and any(key.startswith(_OF_PHONES) for key in source.metadata):
        flags += "+use_metadata_tags"
    # the unit of the times at which tracks begin, where the default is a millisecond
    return {"movflags": flags, "movie_timescale": "90000"}


def copy_titles(source: Any, output: Any) -> None:
    """All facts that are text, but for the time code."""
    output.metadata.update(_titles(source))


def name_lost_titles(source: Any, path: Path) -> list[str]:
    """A note on those that are not in the finished file at `path`, since it cannot hold them."""
    with ffmpeg.open_input(path) as written:
        kept = {_plain(key) for key in written.metadata} | set(written.metadata.values())
    titles = _titles(source).items()
    lost = [_plain(key) for key, text in titles if text and _plain(key) not in kept and text not in kept]
    names = list(dict.fromkeys(lost))
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    told = ", ".join(names[:_MOST_NAMES]) + more
    return [f"facts that it does not hold are left out ({told})"] if lost else []


def copy_timecode(source: Any, stream: Any, suffix: str, start: Fraction, rate: Fraction) -> list[str]:
    """Give an `av` video stream the time code of `source`, `start` seconds later; notes on what is lost."""
    places = [source.metadata, *(found.metadata for found in source.streams)]
    found = next((code for place in places if (code := _find(place))), None)
    if found is None:
        return []
    code = advance(found, round(start * rate), rate)
    if not holds_timecode(suffix) or code is None:
        return [f"the time code is left out, since {suffix} does not hold it"]
    stream.metadata[_TIMECODE] = code
    if suffix in MP4_LIKE:
        stream.codec_context.framerate = rate.limit_denominator(
            _FINEST
        )  # of the track that FFmpeg makes of it
    return []


def holds_timecode(suffix: str) -> bool:
    """Return whether files of this kind can have a time code."""
    return suffix in _HOLD_TIMECODE


def is_timecode(stream: Any) -> bool:
    """Return whether an `av` stream of data is a track of time codes."""
    return _find(stream.metadata) is not None


def advance(code: str, frames: int, rate: Fraction) -> str | None:
    """A time code, HH:MM:SS:FF, some frames later; None for a text that is none at this rate.

    With ; or . before the frames, numbers are dropped in each minute but every tenth, so that 29.97 frames a
    second keep up with the clock (SMPTE ST 12-1); there is no such thing at rates that are not near 30 or 60.
    """
    match = re.fullmatch(r"(\d{1,2}):(\d\d):(\d\d)([:;.])(\d{2,3})", code)
    nominal = math.floor(rate + Fraction(1, 2))  # as FFmpeg rounds it
    if match is None or not 1 <= nominal <= _FASTEST:
        return None
    hours, minutes, seconds, mark, number = match.groups()
    if mark != ":" and nominal % 30:
        return None
    minute = 60 * int(hours) + int(minutes)
    dropped = nominal // 15 if mark != ":" else 0
    count = (60 * minute + int(seconds)) * nominal + int(number) - dropped * (minute - minute // 10) + frames
    tens, rest = divmod(count, 600 * nominal - 9 * dropped)
    count += 9 * dropped * tens + dropped * max(0, (rest - dropped) // (60 * nominal - dropped))
    seconds_in_all, number_then = divmod(count, nominal)
    minutes_in_all, second = divmod(seconds_in_all, 60)
    hour, minute = divmod(minutes_in_all, 60)
    return f"{hour % _DAY:02}:{minute:02}:{second:02}{mark}{number_then:02}"


def _titles(container: Any) -> dict[str, str]:
    return {key: text for key, text in container.metadata.items() if key.lower() not in _NO_TITLES}


def _find(facts: Mapping[str, str]) -> str | None:
    return next((text for key, text in facts.items() if key.lower() == _TIMECODE), None)


def _plain(key: str) -> str:
    """A name as people say it: the last part, in small letters, without a language."""
    known = re.sub(r"-[a-z]{3}$", "", key.lower())
    return known.removeprefix("com.apple.quicktime.").removeprefix("com.android.")

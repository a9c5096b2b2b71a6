"""The sound of a video, brought under other frames: copied where the new file can hold it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from impasto.imaging import ffmpeg
from impasto.imaging.video.encoding import MP4_LIKE

_IN_MP4 = {"aac", "mp3", "mp3float", "ac3", "eac3", "alac", "flac", "opus"}
_COPIED = {
    ".mp4": _IN_MP4,
    ".m4v": _IN_MP4,
    ".mov": {"aac", "mp3", "mp3float", "ac3", "eac3", "alac"},
    ".webm": {"opus", "vorbis"},
    ".avi": {"mp3", "mp3float", "ac3", "pcm_s16le", "pcm_u8"},
    ".ts": {"aac", "mp3", "mp3float", "mp2", "mp2float", "ac3", "eac3"},
}
# the arrangements of loudspeakers that all encoders know, by their number
_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
_PRIMING = Fraction(1, 10)  # seconds before the start that may belong to a codec's way to begin
_KEPT_METADATA = ("language", "title", "handler_name", "creation_time")

_LATE = Fraction(1, 50)  # seconds that nobody notices

Packets = Iterator[Any]


@dataclass(frozen=True)
class _Encoder:
    """An encoder of FFmpeg's, with what it takes.

    Attributes:
        name: FFmpeg's.
        bits: a second, for each channel.
        rates: samples a second.
        channels: the most.
    """

    name: str
    bits: int
    rates: tuple[int, ...]
    channels: int = 8


_AAC = _Encoder(
    "aac",
    96_000,
    (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000),
)
# AVI does not say when sound begins, and of its codecs AC-3 delays it least
_ENCODERS = {
    ".webm": _Encoder("libopus", 64_000, (48_000,)),
    ".avi": _Encoder("ac3", 96_000, (48_000, 44_100, 32_000), 6),
}


@dataclass(frozen=True)
class SoundCut:
    """The part of a source's time line that is kept, in its own seconds.

    Attributes:
        zero: what becomes 0.
        end: where it ends; None for all there is.
        is_whole: nothing is cut off at the start, so that what lies before `zero` is kept, if it is sound.
    """

    zero: Fraction
    end: Fraction | None
    is_whole: bool

    def holds(self, time: Fraction, earliest: Fraction | None) -> bool:
        """Return whether something at this time, in seconds after `zero`, is kept."""
        if self.end is not None and time >= self.end - self.zero:
            return False
        return time >= 0 if not self.is_whole else earliest is None or time >= earliest


def add_tracks(
    output: Any, source: Any, suffix: str, cut: SoundCut
) -> tuple[dict[int, Callable[[Any], Packets]], list[str]]:
    """A stream in `output` for every audio stream of the `av` container `source`.

    Args:
        output: an `av` container whose header is not written yet.
        source: of the sound.
        suffix: of the output; says what it can hold.
        cut: what to take.

    Returns:
        By the index of the source's stream, a function from its packets to those to write, and notes on
        tracks that had to be encoded again or left out.
    """
    tracks: dict[int, Callable[[Any], Packets]] = {}
    notes = []
    for stream in source.streams.audio:
        context = stream.codec_context
        if context is None or not context.sample_rate:
            notes.append("a track of sound is left out, since this FFmpeg does not know its codec")
            continue
        track: CopiedTrack | _Encoded
        if not _can_copy(output, suffix, context.name):
            track = _Encoded(output, stream, cut, suffix)
            notes.append(f"the sound was {context.name}, which {suffix} does not hold: it is encoded again")
        elif suffix == ".avi" and _begins_late(stream, cut):
            track = _Encoded(output, stream, cut, suffix)
            notes.append("the sound begins later than the frames: it is encoded again, after silence")
        else:
            track = CopiedTrack(output, stream, cut, suffix)
        describe(track.stream, stream)
        tracks[stream.index] = track.take
    return tracks, notes


def describe(track: Any, source: Any) -> None:
    """Give an `av` stream the language, titles and disposition of another one."""
    track.metadata.update({key: text for key, text in source.metadata.items() if key in _KEPT_METADATA})
    track.disposition = source.disposition


def _can_copy(output: Any, suffix: str, codec: str) -> bool:
    if suffix == ".mov" and codec.startswith("pcm_"):
        return True
    return codec in _COPIED.get(suffix, output.supported_codecs)


def _begins_late(stream: Any, cut: SoundCut) -> bool:
    return stream.start_time is not None and stream.start_time * stream.time_base > cut.zero + _LATE


class CopiedTrack:
    """A track whose packets are taken as they are, with their times shifted."""

    def __init__(self, output: Any, source: Any, cut: SoundCut, suffix: str) -> None:
        self.stream = output.add_stream_from_template(source)
        self._cut = cut
        self._shift = round(cut.zero / source.time_base)
        self._base = source.time_base
        # MP4 and MOV say from where on to play; others would play what comes before, and delay the frames
        self._hides = suffix in MP4_LIKE
        self._last: int | None = None

    def take(self, packet: Any) -> Packets:
        stamp = packet.dts if packet.pts is None else packet.pts
        if stamp is None or not packet.size or (packet.is_discard and not self._hides):
            return
        time = (stamp - self._shift) * self._base
        if not self._cut.holds(time, None if self._hides else -_PRIMING):
            return
        packet.pts = stamp - self._shift
        packet.dts = packet.pts if packet.dts is None else packet.dts - self._shift
        if self._last is not None and packet.dts <= self._last:
            return  # no file can hold two packets for one time
        self._last = packet.dts
        packet.stream = self.stream
        yield packet


class _Encoded:
    """A track that is decoded and encoded anew, without what cannot be decoded."""

    def __init__(self, output: Any, source: Any, cut: SoundCut, suffix: str) -> None:
        av = ffmpeg.load("Writing a video")
        self._error = av.FFmpegError
        self._source, self._cut = source, cut
        encoder = _ENCODERS.get(suffix, _AAC)
        channels = min(source.codec_context.layout.nb_channels, encoder.channels)
        rate = source.codec_context.sample_rate
        self._rate = min(encoder.rates, key=lambda known: abs(known - rate))
        self._begins_at_once = suffix != ".avi"
        self.stream = output.add_stream(encoder.name, rate=self._rate)
        context = self.stream.codec_context
        context.layout, context.bit_rate = _LAYOUTS.get(channels, "stereo"), encoder.bits * channels
        context.open()
        self._resampler = self._make_resampler()

    def _make_resampler(self) -> Any:
        context = self.stream.codec_context
        make = ffmpeg.load("Writing a video").AudioResampler
        return make(context.format, context.layout.name, self._rate, context.frame_size)

    def take(self, packet: Any) -> Packets:
        """Packets from one of the source's; its last one, which is empty, brings out what is left."""
        try:
            decoded = self._source.decode(packet)
        except self._error:
            return
        for frame in decoded:
            yield from self._encode(frame)
        if not packet.size:
            yield from self._encode(None)
            yield from self.stream.encode(None)

    def _encode(self, frame: Any | None) -> Packets:
        if frame is not None:
            time = (frame.pts or 0) * frame.time_base - self._cut.zero
            if not self._cut.holds(time, -_PRIMING):
                return
            frame.pts = round(time / frame.time_base)
            if not self._begins_at_once:
                self._begins_at_once = True
                yield from self._silence(frame, time)
        for ready in self._resample(frame):
            yield from self.stream.encode(ready)

    def _silence(self, frame: Any, until: Fraction) -> Packets:
        """What is heard before a frame, a second at a time."""
        samples, rate = round(until * frame.sample_rate), frame.sample_rate
        for start in range(0, samples, rate):
            silence = type(frame)(frame.format, frame.layout, min(rate, samples - start))
            for plane in silence.planes:
                plane.update(bytes(plane.buffer_size))
            silence.sample_rate, silence.pts, silence.time_base = rate, start, Fraction(1, rate)
            for ready in self._resample(silence):
                yield from self.stream.encode(ready)

    def _resample(self, frame: Any | None) -> Sequence[Any]:
        try:
            resampled: Sequence[Any] = self._resampler.resample(frame)
        except ValueError:  # from here on the sound has another rate, or more channels
            self._resampler = self._make_resampler()
            resampled = self._resampler.resample(frame)
        return resampled

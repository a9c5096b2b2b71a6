"""Transparent videos: which frames have alpha, and the decoders that do not lose it."""

from __future__ import annotations

from typing import Any

from impasto.imaging import ffmpeg

ALPHA_MODE = "alpha_mode"  # FFmpeg's name for that entry of Matroska

# FFmpeg's own decoders of these pass over the second picture of a packet, which is alpha
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


def has_alpha(frame: Any) -> bool:
    """Return whether an `av` frame has a plane of opacity."""
    return any(component.is_alpha for component in frame.format.components)


def stores_alpha_apart(stream: Any) -> bool:
    """Return whether an `av` stream of VP8 or VP9 has a second picture in each packet, which is alpha."""
    return any(key.lower() == ALPHA_MODE and value == "1" for key, value in stream.metadata.items())


def find_decoder(stream: Any) -> Any:
    """What decodes an `av` stream with its alpha: the stream itself, or a decoder for its packets."""
    name = _ALPHA_DECODERS.get(stream.codec_context.name)
    if name is None or not stores_alpha_apart(stream):
        return stream
    av = ffmpeg.load("Reading a video")
    try:
        decoder = av.CodecContext.create(name, "r")
    except av.FFmpegError:
        return stream  # this FFmpeg comes without it
    stored = stream.codec_context
    decoder.color_primaries, decoder.color_trc = stored.color_primaries, stored.color_trc
    decoder.colorspace, decoder.color_range = stored.colorspace, stored.color_range
    return decoder

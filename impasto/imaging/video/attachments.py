"""What else is in a video, brought into another one: cover pictures and attached files, such as fonts."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

from impasto.imaging import ffmpeg
from impasto.imaging.video.encoding import MP4_LIKE

_KINDS = {"mjpeg": ("jpg", "image/jpeg"), "png": ("png", "image/png")}  # by FFmpeg's names of codecs


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
        if content is None or codec not in _KINDS or suffix not in (*MP4_LIKE, ".mkv"):
            notes.append(f"a cover picture ({codec}) is left out, since {suffix} does not hold it")
        elif suffix == ".mkv":
            ending, kind = _KINDS[codec]
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
        packet = next(container.demux(container.streams[index]), None)
        return bytes(packet) if packet is not None and packet.size else None


def _cover_packet(output: Any, template: Any, content: bytes) -> Any:
    stream = output.add_stream_from_template(template, opaque=True)
    stream.disposition = template.disposition
    packet = ffmpeg.load("Writing a video").Packet(content)
    packet.pts, packet.dts, packet.time_base = 0, 0, Fraction(1, 1000)
    packet.stream = stream
    return packet

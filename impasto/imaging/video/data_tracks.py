"""Tracks of data, such as places and a camera's sensors, brought into another video."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from impasto.imaging.video.encoding import MP4_LIKE
from impasto.imaging.video.facts import is_timecode
from impasto.imaging.video.sound import CopiedTrack, Packets, SoundCut, describe

_COPIED = "bin_data"  # FFmpeg's name for tracks as GoPros write them, the only ones that it can write


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
        is_known = stream.name == _COPIED and "mov" in source.format.name  # elsewhere it may be anything
        if is_known and suffix in MP4_LIKE:
            track = CopiedTrack(output, stream, cut, suffix)
            describe(track.stream, stream)
            tracks[stream.index] = track.take
        else:
            lost.append(stream.metadata.get("handler_name", "").strip() or stream.name or "unknown")
    return tracks, [f"tracks of data are left out ({', '.join(dict.fromkeys(lost))})"] if lost else []


def is_text_of_chapters(stream: Any, source: Any) -> bool:
    """Return whether an `av` stream of data holds what MP4 says of chapters, which are copied apart."""
    return stream.name == _COPIED and bool(source.chapters())

"""What becomes of each stream of a video, before anything is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from impasto.imaging import ffmpeg
from impasto.imaging.video.clip import ClipInfo
from impasto.imaging.video.encoding import FORMATS, Encoding
from impasto.imaging.video.other_streams import (
    add_covers,
    add_data,
    add_subtitles,
    copy_attachments,
    copy_chapters,
    holds_timecode,
    is_cover,
    is_text_of_chapters,
    is_timecode,
)
from impasto.imaging.video.probe import find_video
from impasto.imaging.video.sound import SoundCut, add_tracks

_WHOLE = SoundCut(Fraction(0), None, is_whole=True)
_KEPT, _LOST = "copied", "left out"
_KINDS = {"video": "video", "audio": "sound", "subtitle": "subtitles", "attachment": "attached file"}


@dataclass(frozen=True)
class StreamPlan:
    """One stream of a source.

    Attributes:
        name: its kind, codec and language.
        becomes: a phrase, such as "copied", "converted to ac3" or "left out".
    """

    name: str
    becomes: str


def plan_streams(info: ClipInfo, target: Path, encoding: Encoding | None) -> tuple[StreamPlan, ...]:
    """All streams of the clip, in their order, then its chapters; nothing for clips that are pictures.

    Args:
        target: the result, of which nothing is written.
        encoding: of its frames; None for animations and pictures, which hold nothing else.
    """
    if info.color is None:
        return ()
    with ffmpeg.explaining(f"{info.name} cannot be read"), ffmpeg.open_input(Path(info.name)) as source:
        painted = find_video(source, info.name).index
        fates = {painted: "painted" if encoding is None else f"painted, as {encoding.codec}"}
        has_chapters = False
        if encoding is not None:
            fates, has_chapters = fates | _find_fates(source, info, target), _holds_chapters(source, target)
        chapters = source.chapters()
        plans = [
            StreamPlan(_describe(stream), fates.get(stream.index, _LOST))
            for stream in source.streams
            if not (stream.type == "data" and is_text_of_chapters(stream, source))
        ]
        if chapters:
            plans.append(StreamPlan(f"{len(chapters)} chapters", _KEPT if has_chapters else _LOST))
    return tuple(plans)


def _find_fates(source: Any, info: ClipInfo, target: Path) -> dict[int, str]:
    """Of all streams that come along, by their index; found by adding them to a file that is thrown away."""
    suffix, fates = target.suffix.lower(), dict[int, str]()
    with _draft(suffix) as output:
        for add in (add_tracks, add_subtitles, add_data):
            count = len(output.streams)
            tracks, _ = add(output, source, suffix, _WHOLE)
            for index, made in zip(tracks, list(output.streams)[count:], strict=True):
                fates[index] = _compare(source.streams[index], made)
        covers = [stream for stream in source.streams.video if is_cover(stream)]
        if covers and not add_covers(output, source, Path(info.name), suffix)[1]:
            fates |= {stream.index: _KEPT for stream in covers}
        if not copy_attachments(source, output, suffix):
            fates |= {stream.index: _KEPT for stream in source.streams.attachments}
    if holds_timecode(suffix):
        fates |= {stream.index: _KEPT for stream in source.streams.data if is_timecode(stream)}
    return fates


def _holds_chapters(source: Any, target: Path) -> bool:
    with _draft(target.suffix.lower()) as output:
        return not copy_chapters(source, output, target.suffix.lower(), _WHOLE)


@contextmanager
def _draft(suffix: str) -> Iterator[Any]:
    av = ffmpeg.load("Writing a video")
    with (
        TemporaryDirectory() as folder,
        av.open(f"file:{folder}/draft{suffix}", "w", format=FORMATS.get(suffix)) as output,
    ):
        yield output


def _compare(source: Any, made: Any) -> str:
    before, after = (None if one.codec_context is None else one.codec_context.name for one in (source, made))
    return _KEPT if before == after else f"converted to {after}"


def _describe(stream: Any) -> str:
    kind = "cover picture" if stream.type == "video" and is_cover(stream) else _KINDS.get(stream.type, "data")
    known = stream.metadata.get("handler_name", "").strip() if stream.type == "data" else ""
    codec = "" if stream.codec_context is None else stream.codec_context.name
    language = stream.language if stream.language not in (None, "und") else ""
    return " ".join(part for part in (kind, codec or known, f"({language})" if language else "") if part)

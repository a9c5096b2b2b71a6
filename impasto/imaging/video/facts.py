"""Facts on a whole video, brought into another one: titles, dates, camera, place and time code."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from impasto.imaging import ffmpeg
from impasto.imaging.video.encoding import MP4_LIKE

_TIMECODE = "timecode"
# of the file, not of what it shows; and what has a way of its own
_NO_TITLES = {"major_brand", "minor_version", "compatible_brands", "encoder", _TIMECODE}
_OF_PHONES = ("com.apple.", "com.android.")  # which MP4 and MOV hold under their full names only
_HOLD_TIMECODE = (*MP4_LIKE, ".mkv", ".webm")
_MOST_NAMES = 10
_DAY = 24  # hours
_FASTEST = 255  # frames a second of a time code: MP4 and MOV have a byte for it
_FINEST = 1_000_000  # denominator of a rate


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

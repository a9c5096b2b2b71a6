"""Chapters of a video, brought into another one."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from impasto.imaging.video.encoding import MP4_LIKE
from impasto.imaging.video.sound import SoundCut

_HOLD_CHAPTERS = (*MP4_LIKE, ".mkv", ".webm")
_BASE = Fraction(1, 1_000_000)


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

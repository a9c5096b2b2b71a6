"""Texts of the video tab: description of a clip, and progress of a job."""

from __future__ import annotations

from html import escape

from impasto.app.clips import Upload
from impasto.app.limits import Limits
from impasto.app.page.words import seconds, status
from impasto.app.video_jobs import Take


def facts(upload: Upload, limits: Limits) -> str:
    """Describe a clip as HTML."""
    info = upload.info
    height, width = info.size
    told = [
        f"{width} x {height} pixels",
        f"{float(info.rate):.3g} frames a second",
        "of unknown length" if info.duration is None else clock(info.duration),
        "with sound" if info.has_audio else "without sound",
    ]
    lines = [", ".join(told)]
    if info.duration is None or info.duration > limits.video_seconds:
        lines.append(f"At most {clock(limits.video_seconds)} of it can be made: choose start and end.")
    if not upload.is_played:
        lines.append("The browser cannot play this file; impasto can still use it.")
    return "".join(f"<p>{escape(line)}</p>" for line in lines)


def news(take: Take) -> str:
    """Progress of a video as HTML."""
    progress, film = take.progress, take.film
    if film:
        rate = film.frames / film.seconds
        return status(f"{film.frames} frames in {seconds(film.seconds)}, {rate:.1f} a second")
    if take.is_over:
        return status("No video was made")
    if progress is None:
        return status("Preparing", 0.0)
    words = f"{progress.done:.0%}: {progress.frames} frames, {progress.per_second:.1f} a second"
    left = "" if take.left is None else f", {seconds(take.left)} left"
    return status(words + left, progress.done)


def clock(length: float) -> str:
    """Format a length of a clip, such as 7.4 s or 2:05 minutes."""
    if length < 60:
        return f"{length:.3g} s"
    minutes, rest = divmod(round(length), 60)
    return f"{minutes}:{rest:02} minutes"

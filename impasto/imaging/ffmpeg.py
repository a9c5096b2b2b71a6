"""The one door to PyAV, which brings FFmpeg: everything else asks here for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from impasto.errors import MissingExtraError, VideoError


def load(purpose: str) -> ModuleType:
    """The module `av`. Raises MissingExtraError, which begins with the purpose, where it is not installed."""
    try:
        import av
        import av.video.reformatter
    except ImportError as error:
        raise MissingExtraError("PyAV", "video", purpose) from error
    return av


@contextmanager
def explaining(sentence: str) -> Iterator[None]:
    """Turn what FFmpeg raises into a VideoError: the sentence, and FFmpeg's reason in brackets."""
    av = load(sentence)
    try:
        yield
    except av.FFmpegError as error:
        raise VideoError(f"{sentence} ({reason(error)})") from error


def reason(error: Exception) -> str:
    """FFmpeg's own words, without number and file name."""
    text = getattr(error, "strerror", None) or str(error)
    return str(text)[:1].lower() + str(text)[1:]


def open_input(path: Path) -> Any:
    """An open `av` container, to be closed by the caller.

    A playlist that poses as a video may name no other protocol than local files.

    Raises:
        VideoError: not a file that FFmpeg understands.
        MissingExtraError: PyAV is not installed.
    """
    av = load(f"Reading {path}")
    with explaining(f"{path} is not a video, or it is damaged or cut short"):
        return av.open(
            f"file:{path}",
            metadata_errors="replace",
            container_options={"protocol_whitelist": "file"},
        )

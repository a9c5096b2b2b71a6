"""Import PyAV, which brings FFmpeg; all other modules import it from here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from impasto.errors import ImpastoError, MissingExtraError, VideoError

# containers that name other files, addresses or devices to be read
_REFERRING = frozenset(
    {
        "avisynth", "concat", "dash", "ffmetadata", "hls", "image2", "image2pipe", "imf", "lavfi", "rtp",
        "rtsp", "sap", "sdp", "vapoursynth", "vobsub", "webm_dash_manifest",
    }
)  # fmt: skip


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
    """Turn what FFmpeg raises into a VideoError: the sentence, and FFmpeg's reason in brackets.

    PyAV has errors of its own for numbers that are none, and for frames that do not fit those before.
    """
    av = load(sentence)
    try:
        yield
    except ImpastoError:
        raise
    except (av.FFmpegError, ValueError, ArithmeticError) as error:
        raise VideoError(f"{sentence} ({reason(error)})") from error


def filter_graph(frame: Any, name: str, **options: str) -> Any:
    """An `av` graph of one filter, for frames of the size, pixel format and unit of time of `frame`."""
    graph = load("Reading a video").filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
    )
    graph.link_nodes(source, graph.add(name, **options), graph.add("buffersink")).configure()
    return graph


def reason(error: Exception) -> str:
    """Extract FFmpeg's message, without number and file name."""
    text = getattr(error, "strerror", None) or str(error)
    return str(text)[:1].lower() + str(text)[1:]


def open_input(path: Path, formats: Sequence[str] = ()) -> Any:
    """An open `av` container, to be closed by the caller.

    What refers to other files, as playlists do, is none; nor may anything name another protocol than files.

    Args:
        formats: FFmpeg's names of the containers that are taken, where fewer are.

    Raises:
        VideoError: not a file that FFmpeg understands, or of another kind.
        MissingExtraError: PyAV is not installed.
    """
    av = load(f"Reading {path}")
    taken = formats or sorted(av.formats_available - _REFERRING)
    options = {"protocol_whitelist": "file", "format_whitelist": ",".join(taken)}
    with explaining(f"{path} is not a video, or it is damaged or cut short"):
        return av.open(f"file:{path}", metadata_errors="replace", container_options=options)


def demux(container: Any, *streams: Any) -> Iterator[Any]:
    """Packets of streams of a container, by default of all that were found when it was opened.

    FFmpeg may find further streams on the way: PyAV leaves them out, and raises IndexError at the end.
    """
    with suppress(IndexError):
        yield from container.demux(*streams)

"""Open clips of all kinds, and outputs for frames, except video files."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

from impasto.errors import UsageError, VideoError
from impasto.imaging.encoding import FORMATS, find_format
from impasto.imaging.files import stream_kind
from impasto.imaging.video.clip import Clip, ClipInfo
from impasto.imaging.video.deinterlacing import Deinterlace
from impasto.imaging.video.encoding import CONTAINERS
from impasto.imaging.video.pictures import AnimatedClip, FolderClip
from impasto.imaging.video.reader import VideoClip
from impasto.imaging.video.sinks import FolderSink, GifSink, Sink, WebpSink
from impasto.safe_paths import is_folder

_PICTURE_RATE = Fraction(25)
_ANIMATIONS = {".gif": GifSink, ".webp": WebpSink}


def open_clip(
    path: str | os.PathLike[str], *, rate: Fraction | None = None, deinterlace: Deinterlace = "auto"
) -> Clip:
    """A video file, an animated GIF or WebP, or a folder of pictures; told apart by what is in them.

    Args:
        path: of the file or folder.
        rate: frames a second of a folder's pictures, 25 if None. Other clips know theirs.
        deinterlace: what to do with a video's interlaced frames: "auto" deinterlaces them where the file says
            that they are, "on" deinterlaces all frames, "off" none.

    Raises:
        VideoError: missing, empty, damaged from the start, or no moving picture.
        ImageError: a picture in a folder that cannot be read.
        UsageError: a rate for a clip that has one, or a rate of 0 or less.
        MissingExtraError: a video file, without PyAV.
    """
    place = Path(path)
    if is_folder(place):
        if rate is not None and rate <= 0:
            raise UsageError(f"a clip has more than 0 frames a second, not {float(rate):g}")
        return FolderClip(place, _PICTURE_RATE if rate is None else Fraction(rate))
    if rate is not None:
        raise UsageError(f"{place} has a rate of its own; a rate is given for a folder of pictures only")
    return AnimatedClip(place) if _is_animation(_read_head(place)) else VideoClip(place, deinterlace)


def open_sink(target: str | os.PathLike[str], info: ClipInfo) -> Sink:
    """A sink for an animation or a folder of pictures. Videos are written in segments and joined.

    Args:
        target: a name that ends in .gif or .webp; a folder; or names such as out/%05d.jpg.
        info: of the clip; `size` of the frames to come.

    Raises:
        UsageError: a suffix that is neither, or what the sinks say.
        ImageError: a place that cannot be written to.
    """
    path = check_sink(target)
    suffix = path.suffix.lower()
    if suffix in _ANIMATIONS and "%" not in path.name and not is_folder(path):
        return _ANIMATIONS[suffix](path, info)
    return FolderSink(path, info)


def check_sink(target: str | os.PathLike[str]) -> Path:
    """The path of an animation or of pictures. Raises UsageError for a name that is neither."""
    path = Path(target)
    named = "%" in path.name or is_folder(path)
    if path.suffix and path.suffix.lower() not in _ANIMATIONS and not named:
        raise UsageError(
            f"{path} is no name for a result: end it as a video ({', '.join(CONTAINERS)}) or an animation "
            "(.gif, .webp), or name a folder, or pictures with a place for the number, such as "
            "frame-%05d.png"
        )
    return path


def holds_alpha(target: str | os.PathLike[str], info: ClipInfo) -> bool:
    """Return whether the animation or the pictures that `open_sink` writes there can be transparent."""
    path = Path(target)
    if "%" in path.name and not is_folder(path):
        return find_format(path, 8).has_alpha
    if path.suffix.lower() in _ANIMATIONS and not is_folder(path):
        return True
    written = (FORMATS.get(Path(name).suffix.lower()) for name in info.names)
    return all(kind is None or kind.has_alpha for kind in written)  # other names become .png


def _read_head(path: Path) -> bytes:
    try:
        if (kind := stream_kind(path)) is not None:
            raise VideoError(f"{path} is {kind}, not a file: save its content to a file first")
        with path.open("rb") as file:
            head = file.read(12)
    except FileNotFoundError as error:
        raise VideoError(f"{path} does not exist; check its name and folder") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise VideoError(f"{str(path)!r} cannot be opened: {reason}") from error
    if not head:
        raise VideoError(f"{path} is empty; it may not have been downloaded or copied to its end")
    return head


def _is_animation(head: bytes) -> bool:
    return head.startswith((b"GIF87a", b"GIF89a")) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")

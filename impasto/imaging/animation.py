"""A painting in the making, saved as GIF, WebP or MP4."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import repeat
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from PIL import Image
from torch import Tensor

from impasto.errors import UsageError
from impasto.imaging import ffmpeg
from impasto.imaging.codecs.base import wholly
from impasto.imaging.files import check_target, replacing
from impasto.imaging.io import to_pil

_HOLD_SECONDS = 1.5
_PALETTE_SAMPLES = 8
_PALETTE_SIDE = 128
_GIF_MAX_SIDE = 400  # larger ones take many megabytes
_GIF_COLORS = 255  # one more is left for "as before"
_WEBP_QUALITY = 80
_H264_QUALITY = "20"


@dataclass(frozen=True)
class _Clip:
    """Frames of one size, RGB; the last is shown for `hold` seconds, the others for 1 / fps."""

    frames: Sequence[Image.Image]
    fps: int
    hold: float = _HOLD_SECONDS

    def durations(self) -> list[int]:
        """Milliseconds for each frame."""
        return [round(1000 / self.fps)] * (len(self.frames) - 1) + [round(1000 * self.hold)]


class AnimationWriter:
    """Collects frames and writes them as one animation when closed; a context manager.

    Frames may grow, as in painting from coarse to fine: all are resized to the size of the last. However
    many come, no more than `fps * max_seconds` are kept: when there are more, every second is dropped and
    from then on only every second (fourth, eighth...) is taken. The last frame is always shown, and held.

    Args:
        path: ends in .gif, .webp or .mp4.
        fps: frames per second.
        max_side: pixels on the longer side, at most; a GIF has no more than 400.
        max_seconds: longest duration before the hold.

    Raises:
        UsageError: another suffix, or a number that is too small.
        ImageError: the folder cannot be written to.
        MissingExtraError: .mp4 without PyAV.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, fps: int = 12, max_side: int = 512, max_seconds: float = 10.0
    ) -> None:
        if fps < 1 or max_side < 16 or max_seconds * fps < 2:
            raise UsageError("an animation needs fps of 1, max_side of 16 and two frames, at least")
        self._path = check_target(path)
        self._save = _find_saver(self._path)
        self._fps = fps
        self._max_side = min(max_side, _GIF_MAX_SIDE) if self._path.suffix.lower() == ".gif" else max_side
        self._limit = int(fps * max_seconds)
        self._kept: list[Image.Image] = []
        self._last: Image.Image | None = None
        self._stride = 1
        self._seen = 0

    def add(self, image: Tensor) -> None:
        """Take (3, H, W) in [0, 1] as the next frame. Raises ImageError for NaN."""
        frame = to_pil(image)
        frame.thumbnail((self._max_side, self._max_side), Image.Resampling.BICUBIC)
        if self._seen % self._stride == 0:
            self._kept.append(frame)
        self._last = frame
        self._seen += 1
        if len(self._kept) > self._limit:
            self._kept = self._kept[::2]
            self._stride *= 2

    def close(self) -> None:
        """Write the file, if there was any frame. Raises ImageError if that fails."""
        if self._last is None:
            return
        frames = self._kept if self._kept[-1] is self._last else [*self._kept, self._last]
        size = self._last.size
        same = [one if one.size == size else one.resize(size, Image.Resampling.BICUBIC) for one in frames]
        clip = _Clip(same, self._fps)
        self.discard()
        with replacing(self._path) as temporary:
            self._save(temporary, clip)

    def discard(self) -> None:
        """Forget all frames; closing then writes nothing."""
        self._kept, self._last = [], None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()


def _find_saver(path: Path) -> Callable[[Path, _Clip], None]:
    suffix = path.suffix.lower()
    if suffix not in _SAVERS:
        raise UsageError(f"{path} is not the name of an animation; end it with one of {', '.join(_SAVERS)}")
    if suffix == ".mp4":
        ffmpeg.load(f"Writing {path}")
    return _SAVERS[suffix]


def _save_gif(path: Path, clip: _Clip) -> None:
    """Write a GIF with one palette and no dithering, so that parts that do not change cost nothing."""
    palette = _shared_palette(clip.frames)
    frames = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in clip.frames]
    common: dict[str, Any] = {"duration": clip.durations(), "loop": 0, "optimize": True}
    with path.open("wb") as file:
        frames[0].save(wholly(file), "GIF", save_all=True, append_images=frames[1:], **common)


def _shared_palette(frames: Sequence[Image.Image]) -> Image.Image:
    """Choose a palette for frames spread evenly over time; the last, which stays in view, counts most."""
    step = max(1, len(frames) // _PALETTE_SAMPLES)
    samples = [frames[-1], *frames[::-step]]
    sheet = Image.new("RGB", (_PALETTE_SIDE * len(samples), _PALETTE_SIDE))
    for index, frame in enumerate(samples):
        sheet.paste(frame.resize((_PALETTE_SIDE, _PALETTE_SIDE)), (_PALETTE_SIDE * index, 0))
    return sheet.quantize(_GIF_COLORS, Image.Quantize.MEDIANCUT)


def _save_webp(path: Path, clip: _Clip) -> None:
    clip.frames[0].save(
        path,
        "WEBP",
        save_all=True,
        append_images=clip.frames[1:],
        duration=clip.durations(),
        loop=0,
        quality=_WEBP_QUALITY,
    )


def _save_mp4(path: Path, clip: _Clip) -> None:
    """Write H.264 that plays everywhere: 4:2:0, even sizes, index in front."""
    av = ffmpeg.load(f"Writing {path}")
    width, height = (max(2, side - side % 2) for side in clip.frames[0].size)
    with av.open(path, "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=Fraction(clip.fps), options={"crf": _H264_QUALITY})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for picture in _with_hold(clip):
            pixels = np.asarray(picture)[:height, :width]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _with_hold(clip: _Clip) -> Iterator[Image.Image]:
    yield from clip.frames
    yield from repeat(clip.frames[-1], round(clip.hold * clip.fps) - 1)


_SAVERS = {".gif": _save_gif, ".webp": _save_webp, ".mp4": _save_mp4}

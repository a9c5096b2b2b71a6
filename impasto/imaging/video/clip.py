"""Clips: frames with their times, and facts about the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto.errors import VideoError
from impasto.imaging.arrays import over_white
from impasto.imaging.geometry import fit_long_side

MOST_PIXELS = 8192 * 8192  # of a frame: twice those of 8K; a small file can claim any number

Pixels = NDArray[np.uint8]
_WHITE = np.uint8(255)
Seconds = float | Fraction


@dataclass(frozen=True)
class Frame:
    """One picture of a clip.

    Attributes:
        index: its number among the clip's frames, from 0, wherever reading began.
        time: seconds since the clip's first frame.
        duration: seconds until the next frame, or the end.
        pixels: (H, W, 3) RGB, upright, contiguous.
        alpha: (H, W) straight opacity, 255 for opaque; None if the clip has none.
    """

    index: int
    time: Fraction
    duration: Fraction
    pixels: Pixels
    alpha: Pixels | None = None

    def over_white(self) -> Pixels:
        """The pixels, laid over white where they are not opaque."""
        return self.pixels if self.alpha is None else over_white(self.pixels, self.alpha)

    def white_where_hidden(self) -> Pixels:
        """The pixels, white where nothing of them is seen, as any color may be stored there."""
        return self.pixels if self.alpha is None else np.where(self.alpha[..., None] > 0, self.pixels, _WHITE)


@dataclass(frozen=True)
class Color:
    """Color description by the code points of ITU-T H.273, which FFmpeg uses, too.

    Attributes:
        primaries: 1 for BT.709, 9 for BT.2020...
        transfer: 1 for BT.709, 13 for sRGB, 16 for PQ, 18 for HLG...
        matrix: from RGB to luma and chroma; 1 for BT.709, 5 and 6 for BT.601, 9 for BT.2020...
        range: 1 for limited (16 to 235), 2 for full (0 to 255).
    """

    primaries: int = 1
    transfer: int = 1
    matrix: int = 1
    range: int = 1


@dataclass(frozen=True)
class ClipInfo:
    """Facts about a clip, known before its frames are read.

    Attributes:
        name: the path; for messages.
        size: (height, width) in pixels, upright.
        rate: frames a second, on average.
        time_base: seconds of which every frame's time is a multiple.
        frames: how many there are; an estimate where the file does not say, None where it gives no clue.
        duration: seconds; None if unknown.
        has_audio: whether there are tracks that `join` can take over.
        has_alpha: whether frames may be transparent.
        bit_depth: of the source; frames have 8 bits in any case.
        color: of a video's frames, as they come out of it and as they are written again: wide and HDR
            colors are converted to BT.709. None for pictures, which are sRGB.
        sample_aspect: width of a pixel by its height.
        names: of the pictures in a folder, by the index of the frame.
        notes: sentences that the user should hear.
    """

    name: str
    size: tuple[int, int]
    rate: Fraction
    time_base: Fraction
    frames: int | None = None
    duration: float | None = None
    has_audio: bool = False
    has_alpha: bool = False
    bit_depth: int = 8
    color: Color | None = None
    sample_aspect: Fraction = Fraction(1)
    names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Clip(Protocol):
    """A moving picture that can be read any number of times."""

    @property
    def info(self) -> ClipInfo: ...

    @property
    def notes(self) -> tuple[str, ...]:
        """The notes of `info`, and those on damage that was passed over while reading."""
        ...

    def frames(self, start: Seconds = 0, end: Seconds | None = None, every: int = 1) -> Iterator[Frame]:
        """The frames whose time is from `start` up to, but not including, `end`, read as they are asked for.

        Args:
            start: seconds since the first frame; a video is entered at the key frame before.
            end: seconds since the first frame; None for all.
            every: take one of so many frames, the first always; it is shown as long as all of them were.

        Raises:
            UsageError: a negative start, an end that is not after it, or `every` below 1.
            VideoError: the clip is damaged; all frames before that come first.
        """
        ...


def check_frame(size: tuple[int, int], name: str) -> None:
    """Raise VideoError for frames, (height, width), of more than MOST_PIXELS."""
    height, width = size
    if height * width > MOST_PIXELS:
        raise VideoError(
            f"{name} has frames of {width} x {height} pixels, more than the limit of {MOST_PIXELS:,}; make "
            "it smaller first"
        )


def fit_even(size: tuple[int, int], long_side: int) -> tuple[int, int]:
    """(height, width) of about this long side, both even, as most codecs want them."""
    height, width = fit_long_side(size, long_side)
    return max(2, height + height % 2), max(2, width + width % 2)


def resized(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """(H, W, 3) or (H, W) to another (height, width); the same array where that is its size."""
    if pixels.shape[:2] == size:
        return pixels
    picture = Image.fromarray(pixels).resize(size[::-1], Image.Resampling.LANCZOS, reducing_gap=2)
    return np.asarray(picture)

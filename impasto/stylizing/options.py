"""Options of stylizing. All defaults are defined here; imports no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from impasto.errors import UsageError
from impasto.options import (
    PREDICTED_LIGHT,
    KeepColor,
    accepts_earlier_names,
    check_choice,
    check_range,
    check_whole,
)

TileOption = Literal["auto", "off"] | int
LEAST_TILE = 64  # pixels; what surrounds a tile is many times the tile then
LEAST_STROKE, MOST_STROKE = 0.25, 4.0


@dataclass(frozen=True)
class ImageOptions:
    """Options for reading and writing a picture. Raises UsageError for invalid values.

    Attributes:
        size: long side of the result in pixels; None keeps the photo's.
        bit_depth: 8, or 16 for PNG and TIFF; None keeps the photo's where the format can.
        quality: 1 to 100, of JPEG and WebP.
        strip_metadata: write neither the photo's EXIF nor the record that tells how the picture was made.
        max_pixels: the largest photo to accept; None is `imaging.io.MAX_PIXELS`, but no limit where a photo
            is read and written by parts.
        tile: pixels of the side of tiles, in which pictures of any size are made with little memory; "auto"
            takes tiles for pictures that would take more than a gigabyte, "off" never does.
    """

    size: int | None = None
    bit_depth: int | None = None
    quality: int = 95
    strip_metadata: bool = False
    max_pixels: int | None = None
    tile: TileOption = "auto"

    def __post_init__(self) -> None:
        if self.size is not None:
            check_whole("size", self.size, 1, 100_000)
        if self.max_pixels is not None:
            check_whole("max_pixels", self.max_pixels, 1, 2**40)
        if not isinstance(self.tile, str):
            check_whole("tile", self.tile, LEAST_TILE, 100_000)
        elif self.tile not in ("auto", "off"):
            raise UsageError(f"tile must be auto, off or a number of pixels, not {self.tile}")
        check_whole("quality", self.quality, 1, 100)
        if self.bit_depth not in (None, 8, 16):
            raise UsageError(f"bit_depth is 8 or 16, not {self.bit_depth}")


@dataclass(frozen=True)
class BulkOptions(ImageOptions):
    """Options for many pictures.

    Attributes:
        suffix: the format of all results, such as ".webp"; None keeps each photo's where it can be written,
            and takes .png elsewhere.
        overwrite: make again what is there already.
    """

    suffix: str | None = None
    overwrite: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.suffix is not None:
            object.__setattr__(self, "suffix", f".{self.suffix.removeprefix('.')}")


@dataclass(frozen=True)
class VideoOptions:
    """Options of a video: range, size, encoding.

    Attributes:
        start, end: seconds since its first frame; None for all.
        every: take one of so many frames, each shown as long as all of them were.
        size: long side of the result in pixels; None keeps the clip's.
        steady: keep strokes where the thing is that they are on, from frame to frame.
        fast: networks paint every second frame, whose picture follows the motion to the one between; where
            motion cannot be followed, they paint all. It takes 28 to 40 % less time.
        cuts: "auto" finds scene cuts, across which nothing is held or carried; "off" looks for none.
        side_by_side: show the photo to the left of the picture.
        deinterlace: "auto" for the frames that the file calls interlaced, "on" all, "off" none.
        even: cut a row or column of pixels off a video with an odd side, as H.264 and H.265 can be played
            everywhere only then; None does so for .mp4 and .m4v.
        codec: h264, hevc, vp9, av1 or prores; None is H.264, VP9 in .webm, or ProRes in .mov for transparent
            frames.
        crf: constant rate factor: smaller is better, and larger in bytes; None is the codec's default.
        overwrite: replace what is there already, finished or not.
    """

    start: float = 0.0
    end: float | None = None
    every: int = 1
    size: int | None = None
    steady: bool = True
    fast: bool = False
    cuts: Literal["auto", "off"] = "auto"
    side_by_side: bool = False
    deinterlace: Literal["auto", "on", "off"] = "auto"
    even: bool | None = None
    codec: str | None = None
    crf: int | None = None
    overwrite: bool = False

    def __post_init__(self) -> None:
        check_range("start", self.start, 0, math.inf)
        if self.end is not None and not self.start < self.end:
            raise UsageError(f"end must be after start, {self.start:g} s, not {self.end:g}")
        check_whole("every", self.every, 1, 1_000_000)
        if self.cuts not in ("auto", "off"):
            raise UsageError(f"cuts is auto or off, not {self.cuts}")
        if self.deinterlace not in ("auto", "on", "off"):
            raise UsageError(f"deinterlace is auto, on or off, not {self.deinterlace}")
        if self.size is not None:
            check_whole("size", self.size, 16, 100_000)


@accepts_earlier_names
@dataclass(frozen=True)
class StyleControls:
    """Options that restore properties of the photo. Raises UsageError for invalid values.

    Attributes:
        keep_color: keep the photo's colors: "luminance" takes only light and dark from the picture,
            "histogram" and "lab-transfer" move the picture's colors as a whole.
        keep_color_amount: from 0, the style's colors, to 1.
        keep_light: how much of the photo's large-scale light and color returns, in the picture's own range of
            colors, from 0 to 1. None is 0.75 for styles that are any pictures, and 0 for trained ones.
        detail: how much of the photo's fine structure returns, from 0 to 1.
        stroke_size: strokes are so many times as large, from 0.25 to 4. The network sees the photo smaller or
            larger by as much, so that large strokes blur what is finer than they are: `detail` returns it.
    """

    keep_color: KeepColor = "none"
    keep_color_amount: float = 1.0
    keep_light: float | None = None
    detail: float = 0.0
    stroke_size: float = 1.0

    def __post_init__(self) -> None:
        check_choice("keep_color", self.keep_color, KeepColor)
        check_range("keep_color_amount", self.keep_color_amount, 0, 1)
        if self.keep_light is not None:
            check_range("keep_light", self.keep_light, 0, 1)
        check_range("detail", self.detail, 0, 1)
        check_range("stroke_size", self.stroke_size, LEAST_STROKE, MOST_STROKE)

    @property
    def is_statistical(self) -> bool:
        """Return whether the color of a pixel depends on all others."""
        keeps_color = self.keep_color in ("histogram", "lab-transfer") and self.keep_color_amount > 0
        return keeps_color or bool(self.keep_light)

    def for_networks(self, *, predicted: bool) -> StyleControls:
        """Fill in the default of `keep_light`, which depends on where the networks come from."""
        return replace(self, keep_light=PREDICTED_LIGHT) if predicted and self.keep_light is None else self

    def record(self) -> dict[str, Any]:
        """Non-default fields as a JSON-serializable dict."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value != getattr(StyleControls, name)}

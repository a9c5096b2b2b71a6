"""From a video's own numbers to upright RGB pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from impasto.imaging import ffmpeg
from impasto.imaging.video.clip import Color, Pixels
from impasto.imaging.video.lookup import TABLE_FORMAT
from impasto.imaging.video.tone_mapping import HLG, PEAK, PQ, tone_mapper

_UNKNOWN = (0, 2, 3)  # code points of H.273 that say nothing: RGB has no matrix, not specified, reserved
_LIMITED, _FULL = 1, 2
_WIDE_PRIMARIES = (9, 11, 12)  # BT.2020, and the two of P3
_HDR = {PQ: "PQ", HLG: "HLG"}
_BRIGHTEST = 10_000.0  # cd/m2 that PQ knows
_BT709, _SMPTE170M = 1, 6

Rotation = Callable[[Pixels], Pixels]


@dataclass(frozen=True)
class ColorSpec:
    """Conversion of a video's samples to RGB.

    Attributes:
        stored: how the file means its numbers, with guesses for what it does not say.
        shown: how the RGB pixels are meant, and are to be written again.
        peak: cd/m2 of the brightest that an HDR video was made for.
    """

    stored: Color
    shown: Color
    peak: float = PEAK

    @property
    def hdr(self) -> str | None:
        """The name of the HDR transfer function, if it is one."""
        return _HDR.get(self.stored.transfer)

    @property
    def converts(self) -> bool:
        return self.hdr is not None or self.stored.primaries in _WIDE_PRIMARIES


def find_palette(frame: Any) -> ColorSpec:
    """The colors of an `av` frame. What it leaves open is BT.709 in HD and BT.601 below, as for players."""
    guess = _BT709 if frame.width >= 1280 or frame.height > 576 else _SMPTE170M

    def known(value: Any) -> int:
        return guess if int(value) in _UNKNOWN else int(value)

    stored = Color(
        known(frame.color_primaries),
        known(frame.color_trc),
        known(frame.colorspace),
        _FULL if int(frame.color_range) == _FULL or _is_rgb(frame.format) else _LIMITED,
    )
    palette = ColorSpec(stored, replace(stored, range=_LIMITED), _find_peak(frame))
    if not palette.converts:
        return palette
    transfer = _BT709 if palette.hdr or stored.transfer in (14, 15) else stored.transfer
    return replace(palette, shown=Color(_BT709, transfer, _BT709, _LIMITED))


def _find_peak(frame: Any) -> float:
    """Of the display on which it was made, where the frame tells it; of no use for HLG, which scales."""
    told = frame.side_data.get("MASTERING_DISPLAY_METADATA")
    if told is None:
        return PEAK
    # FFmpeg's AVMasteringDisplayMetadata: ten fractions, the last the highest luminance; two flags
    numbers = np.frombuffer(bytes(told), np.int32)[:22]
    brightest, unit, is_known = numbers[18], numbers[19], numbers[21]
    if not is_known or brightest <= 0 or unit <= 0:
        return PEAK
    return min(float(brightest / unit), _BRIGHTEST)


def _is_rgb(pixel_format: Any) -> bool:
    return bool(pixel_format.is_rgb or pixel_format.has_palette)


def find_turn(frame: Any) -> tuple[Rotation, bool]:
    """Rotation that makes an `av` frame upright, from its display matrix, and whether it swaps sides.

    The matrix maps a stored point (x, y) to the shown one (a x + c y, b x + d y); angles that are no
    multiple of 90 degrees go to the nearest one that is.
    """
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return np.ascontiguousarray, False
    a, b, _, c, d = (int(entry) for entry in np.frombuffer(bytes(matrix), np.int32)[:5])
    swaps = abs(b) + abs(c) > abs(a) + abs(d)
    right, down = (c, b) if swaps else (a, d)  # signs of x and y in the shown picture
    steps = (-1 if down < 0 else 1, -1 if right < 0 else 1)

    def turn(pixels: Pixels) -> Pixels:
        laid = pixels.swapaxes(0, 1) if swaps else pixels
        return np.ascontiguousarray(laid[:: steps[0], :: steps[1]])

    return turn, swaps


class Converter:
    """`av` frames to (H, W, 3) RGB bytes, as stored, not yet turned.

    Chroma is interpolated and products are rounded; FFmpeg's defaults do neither, and are off by up to 3.
    For wide colors FFmpeg makes a table, once, which takes seconds; HDR is brought down by a curve.

    Args:
        palette: of the clip.
        size: (height, width) as stored; frames of another size, which a stream may hold, are scaled to it.
    """

    def __init__(self, palette: ColorSpec, size: tuple[int, int]) -> None:
        reformatter = ffmpeg.load("Reading a video").video.reformatter
        flags = reformatter.Interpolation
        self._reformatter, self._opacity = reformatter.VideoReformatter(), reformatter.VideoReformatter()
        self._stored = palette.stored
        self._options = {
            "width": size[1],
            "height": size[0],
            "format": "rgb24",
            "dst_color_range": _FULL,
            "interpolation": flags.BILINEAR | flags.ACCURATE_RND | flags.FULL_CHR_H_INT,
        }
        self._map: Callable[[Any], Pixels] | None = None
        if palette.hdr:
            self._options["format"] = TABLE_FORMAT
            self._map = tone_mapper(palette.stored.transfer, palette.stored.primaries, palette.peak)
        elif palette.converts:
            self._options["dst_color_primaries"] = palette.shown.primaries
            self._options["dst_color_trc"] = palette.shown.transfer

    def __call__(self, frame: Any) -> Pixels:
        stored = self._stored
        frame.color_primaries, frame.color_trc = stored.primaries, stored.transfer
        frame.colorspace, frame.color_range = stored.matrix, stored.range
        made = self._reformatter.reformat(frame, **self._options)
        pixels: Pixels = made.to_ndarray() if self._map is None else self._map(made)
        return pixels

    def alpha(self, frame: Any) -> Pixels:
        """The opacity of an `av` frame that has it, (H, W)."""
        size = {side: self._options[side] for side in ("width", "height")}
        pixels: Pixels = self._opacity.reformat(frame, **size, format="rgba").to_ndarray()
        return pixels[..., 3]

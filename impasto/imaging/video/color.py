"""Convert a video's own numbers to upright RGB: colors, HDR, transparency, rotation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from impasto.imaging import ffmpeg
from impasto.imaging.video.clip import Color, Pixels

TABLE_FORMAT = "gbrp16le"  # FFmpeg looks planes of 16 bits up in a quarter of the time of others
Signals = NDArray[np.float64]

PQ, HLG = 16, 18  # code points of H.273
WHITE = 203.0  # cd/m2 of white in HDR, by Report BT.2408; white in SDR is as bright
PEAK = 1000.0  # cd/m2 of HLG's nominal display, and of PQ that does not say what it was made on
_DISPLAY_GAMMA = 2.4  # of SDR, by BT.1886
_SIDE = 49  # of the table: its grays are less than one level of 255 off
_M1, _M2, _C1, _C2, _C3 = 2610 / 16384, 2523 / 32, 107 / 128, 2413 / 128, 2392 / 128  # of PQ
_LUMA = np.array([0.2627, 0.6780, 0.0593])  # of BT.2020

# to linear BT.709 from linear BT.2020 (Report BT.2407) and from P3 with the white of D65
_FROM_2020 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]])
_FROM_P3 = np.array([[1.2249, -0.2247, 0.0], [-0.0420, 1.0419, 0.0], [-0.0197, -0.0786, 1.0979]])
_TO_709 = {9: _FROM_2020, 11: _FROM_P3, 12: _FROM_P3}  # by the code points of primaries
ALPHA_MODE = "alpha_mode"  # FFmpeg's name for that entry of Matroska

# FFmpeg's own decoders of these pass over the second picture of a packet, which is alpha
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
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

    is_rgb = frame.format.is_rgb or frame.format.has_palette
    stored = Color(
        known(frame.color_primaries),
        known(frame.color_trc),
        known(frame.colorspace),
        _FULL if int(frame.color_range) == _FULL or is_rgb else _LIMITED,
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


class ColorTable:
    """Looks up frames of one size.

    Args:
        colors: (N * N * N, 3) RGB in [0, 1], for the points of a regular grid, red changing fastest.
    """

    def __init__(self, colors: NDArray[np.floating[Any]]) -> None:
        rounded = (
            (255 * colors + 0.5) * 256 / 65_535
        )  # so that the upper byte of 16 bits is the rounded level
        lines = "\n".join(f"{r:.6f} {g:.6f} {b:.6f}" for r, g, b in rounded.tolist())
        self._table = f"LUT_3D_SIZE {round(len(colors) ** (1 / 3))}\n{lines}\n"
        self._graph: Any = None

    def __call__(self, frame: Any) -> Pixels:
        """An `av` frame of the format TABLE_FORMAT to (H, W, 3) RGB bytes."""
        if self._graph is None:
            self._graph = self._make_graph(frame)
        self._graph.push(frame)
        levels = self._graph.pull().to_ndarray()
        return np.ascontiguousarray(levels.view(np.uint8)[:, :, 1::2])

    def of_pixels(self, pixels: Pixels) -> Pixels:
        """(H, W, 3) RGB bytes to the same."""
        levels = np.multiply(pixels, 257, dtype=np.uint16)  # FFmpeg's conversion would not reach the last one
        frame = ffmpeg.load("Grading a video").VideoFrame.from_ndarray(levels, format=TABLE_FORMAT)
        frame.time_base = Fraction(1)
        return self(frame)

    def _make_graph(self, frame: Any) -> Any:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "table.cube"
            path.write_text(self._table, encoding="ascii")
            return ffmpeg.filter_graph(frame, "lut3d", file=str(path), interp="tetrahedral")


def from_pq(signal: Signals) -> Signals:
    """Light in cd/m2 of a PQ signal from 0 to 1, by SMPTE ST 2084."""
    power = signal ** (1 / _M2)
    light: Signals = 10_000 * (np.maximum(power - _C1, 0) / (_C2 - _C3 * power)) ** (1 / _M1)
    return light


def to_pq(light: Signals) -> Signals:
    """The inverse of `from_pq`."""
    power = (light / 10_000) ** _M1
    signal: Signals = ((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2
    return signal


def from_hlg(signal: Signals) -> Signals:
    """Light in cd/m2, (..., 3), of HLG signals on the display of 1000 cd/m2 of Recommendation BT.2100."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    light: Signals = PEAK * scene * (scene @ _LUMA)[..., None] ** 0.2
    return light


def roll_off(light: Signals, peak: float) -> Signals:
    """Light of up to `peak` to light of up to WHITE, by the EETF of Report BT.2390, section 5.4.1.

    What is dark stays as it is; from a knee on, steps become smaller.
    """
    top = float(to_pq(np.array(peak)))
    most = float(to_pq(np.array(WHITE))) / top
    if most >= 1:
        return light
    knee = 1.5 * most - 0.5
    signal = np.minimum(to_pq(light) / top, 1)
    t = np.maximum(signal - knee, 0) / (1 - knee)
    spline = (
        (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * most
    )
    return np.where(signal < knee, light, from_pq(spline * top))


def to_sdr(signal: Signals, transfer: int, primaries: int, peak: float = PEAK) -> Signals:
    """SDR signals, (..., 3) from 0 to 1, in BT.709's colors, for HDR ones.

    A color's largest part is brought down by the curve and the others in proportion, which keeps its hue;
    colors that BT.709 does not have are clipped.

    Args:
        transfer: PQ or HLG.
        primaries: by their code point in H.273.
        peak: cd/m2 of the brightest that a PQ signal was made for.
    """
    light = from_pq(signal) if transfer == PQ else from_hlg(signal)
    largest = np.maximum(light.max(-1, keepdims=True), 1e-6)
    shown = light * (roll_off(largest, peak) / largest) / WHITE
    linear = shown @ _TO_709.get(primaries, np.eye(3)).T
    sdr: Signals = linear.clip(0, 1) ** (1 / _DISPLAY_GAMMA)
    return sdr


def tone_mapper(transfer: int, primaries: int, peak: float) -> Callable[[Any], Pixels]:
    """A function from `av` frames of the format TABLE_FORMAT, of one size, to (H, W, 3) RGB bytes of SDR."""
    axis = np.linspace(0, 1, _SIDE)
    blue, green, red = np.meshgrid(axis, axis, axis, indexing="ij")  # red changes fastest in the file
    colors = to_sdr(np.stack([red, green, blue], -1), transfer, primaries, peak)
    return ColorTable(colors.reshape(-1, 3))


def has_alpha(frame: Any) -> bool:
    """Return whether an `av` frame has a plane of opacity."""
    return any(component.is_alpha for component in frame.format.components)


def stores_alpha_apart(stream: Any) -> bool:
    """Return whether an `av` stream of VP8 or VP9 has a second picture in each packet, which is alpha."""
    return any(key.lower() == ALPHA_MODE and value == "1" for key, value in stream.metadata.items())


def find_decoder(stream: Any) -> Any:
    """What decodes an `av` stream with its alpha: the stream itself, or a decoder for its packets."""
    name = _ALPHA_DECODERS.get(stream.codec_context.name)
    if name is None or not stores_alpha_apart(stream):
        return stream
    av = ffmpeg.load("Reading a video")
    try:
        decoder = av.CodecContext.create(name, "r")
    except av.FFmpegError:
        return stream  # this FFmpeg comes without it
    stored = stream.codec_context
    decoder.color_primaries, decoder.color_trc = stored.color_primaries, stored.color_trc
    decoder.colorspace, decoder.color_range = stored.colorspace, stored.color_range
    return decoder

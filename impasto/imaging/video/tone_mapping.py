"""HDR signals to SDR: the curve of Report ITU-R BT.2390, as a table of colors that FFmpeg looks up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from impasto.imaging.video.clip import Pixels
from impasto.imaging.video.lookup import ColorTable

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

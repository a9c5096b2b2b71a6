"""HDR to SDR, against anchors of the reports that define it, and the table in the documentation."""

from pathlib import Path

import numpy as np
import pytest

from impasto.imaging.video.tone_mapping import HLG, PQ, WHITE, from_hlg, from_pq, roll_off, to_pq, to_sdr

DOCS = Path(__file__).parents[3] / "docs" / "video.md"
HLG_ROWS, PQ_ROWS = (
    (0.1, 0.25, 0.38, 0.5, 0.6, 0.75, 0.85, 0.95, 1.0),
    (0.1, 0.2, 0.38, 0.5, 0.58, 0.65, 0.7, 0.75),
)


def grays(signal):
    return np.repeat(np.asarray(signal, float)[:, None], 3, 1)


def test_anchors_of_the_signals():
    """BT.2408, table 1: HLG and PQ of reference white and of an 18 % gray card."""
    assert from_pq(np.array([0.58, 0.38])) == pytest.approx([203, 26], rel=0.04)
    assert from_hlg(grays([0.75, 0.38]))[:, 0] == pytest.approx([203, 26], rel=0.04)
    assert from_hlg(grays([1.0]))[0] == pytest.approx(1000, rel=1e-3)
    light = np.array([0.0, 0.01, 1, 100, 1000, 10_000])
    assert from_pq(to_pq(light)) == pytest.approx(light, rel=1e-6, abs=1e-6)


def test_the_curve():
    """It is the identity up to its knee, then grows ever more slowly, without a step, to white."""
    light = np.linspace(0.1, 1000, 20_000)
    shown = roll_off(light, 1000)
    knee = from_pq(np.array(1.5 * to_pq(np.array(WHITE)) - 0.5 * to_pq(np.array(1000.0))))
    assert (shown[light < knee] == light[light < knee]).all()
    assert (np.diff(shown) >= 0).all()
    assert np.diff(shown).max() < 1.01 * (light[1] - light[0])
    assert shown[-1] == pytest.approx(WHITE)
    assert roll_off(np.array([4000.0, 9000]), 4000) == pytest.approx(WHITE)
    assert (roll_off(light[:100], 150) == light[:100]).all(), "a darker display than white needs no curve"


def test_hue_stays():
    """A bright color is as red as before: its parts go down together."""
    signal = np.array([[0.9, 0.7, 0.7]])
    linear = to_sdr(signal, HLG, 1) ** 2.4
    light = from_hlg(signal)
    assert linear[0] / linear[0].max() == pytest.approx(light[0] / light[0].max(), rel=1e-6)


def test_the_table_in_the_documentation():
    """Each row: the signal, the light it means, what clipping made of it, and what the curve makes."""
    rows = []
    for name, transfer, signals in (("HLG", HLG, HLG_ROWS), ("PQ", PQ, PQ_ROWS)):
        signal = grays(signals)
        light = (from_hlg(signal) if transfer == HLG else from_pq(signal))[:, 0]
        clipped = 255 * np.minimum(light / WHITE, 1) ** (1 / 2.4)
        mapped = 255 * to_sdr(signal, transfer, 9)[:, 1]
        rows += [
            f"| {name} {100 * s:.0f} % | {n:.{2 if n < 10 else 0}f} | {round(c)} | {round(m)} |"
            for s, n, c, m in zip(signals, light, clipped, mapped, strict=True)
        ]
    text = DOCS.read_text(encoding="utf-8")
    assert "\n".join(rows) in text, "put these rows into docs/video.md:\n" + "\n".join(rows)

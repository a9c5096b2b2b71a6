"""Cuts are told from motion, fades and flicker."""

import numpy as np
import pytest
from skimage import data

from impasto.stylizing.frame_interpolation import Between
from impasto.stylizing.scene_cuts import is_cut
from impasto.stylizing.temporal_smoothing import TemporalSmoother
from tests.clips import Pixels, pan

FIRST, SECOND = data.astronaut()[:240, :320], data.coffee()[:240, :320]


@pytest.mark.parametrize("frames", [(FIRST, SECOND), (SECOND, FIRST), (FIRST, FIRST // 4)])
def test_another_scene(frames: tuple[Pixels, Pixels]) -> None:
    assert is_cut(*frames)


def turned(shift: int) -> Pixels:
    return np.ascontiguousarray(data.astronaut()[:240, shift : shift + 320])


@pytest.mark.parametrize(
    "frames",
    [
        (FIRST, FIRST),
        (turned(0), turned(32)),  # a tenth of the width in a frame
        (FIRST, (0.9 * FIRST + 0.1 * SECOND).astype(np.uint8)),  # of a fade
        (FIRST, (FIRST * 0.85).astype(np.uint8)),
        (FIRST, FIRST[::2, ::2]),
    ],
)
def test_the_same_scene(frames: tuple[Pixels, Pixels]) -> None:
    assert not is_cut(*frames)


def test_a_smoother_begins_anew() -> None:
    """Without it, something of the scene before shows through."""
    pictures = []
    for cuts in (True, False):
        steadier = TemporalSmoother(cuts=cuts)
        steadier(FIRST, 255 - FIRST)
        pictures.append(steadier(SECOND, 255 - SECOND))
    np.testing.assert_array_equal(pictures[0], 255 - SECOND)
    assert (pictures[1] != 255 - SECOND).any()


def test_nothing_is_carried_to_a_frame_beside_a_cut() -> None:
    before, now = pan(2, (96, 128))
    after = np.ascontiguousarray(SECOND[:96, :128])
    assert Between().find(now, before, after) is None
    assert Between().find(now, after, before) is None
    assert Between(cuts=False).find(now, before, after) is not None

"""On a pan over a real photo, whose true motion is known."""

import numpy as np
import pytest
from skimage import data

from impasto.errors import UsageError
from impasto.evaluation import WarpingError
from impasto.imaging.flow import FlowFrame, Motion
from impasto.stylizing.motion import Between, TemporalSmoother, is_cut
from tests.clips import Pixels, pan

SHIFT = 4  # pixels to the right, from frame to frame
SIZE = 120, 160
FIRST, SECOND = data.astronaut()[:240, :320], data.coffee()[:240, :320]


def photos(count: int) -> list[FlowFrame]:
    whole = data.astronaut()[100:]
    height, width = SIZE
    return [np.ascontiguousarray(whole[:height, SHIFT * n : SHIFT * n + width]) for n in range(count)]


def flickering(frames: list[FlowFrame]) -> list[FlowFrame]:
    """As a network that makes another texture of every frame does."""
    dice = np.random.RandomState(0)
    return [np.clip(255 - f + dice.normal(0, 25, f.shape), 0, 255).astype(np.uint8) for f in frames]


def error(frames: list[FlowFrame], pictures: list[FlowFrame]) -> float:
    """By the true motion."""
    flow = np.zeros((*SIZE, 2), np.float32)
    flow[..., 0] = SHIFT
    seen = np.ones(SIZE, np.float32)
    seen[:, -SHIFT:] = 0
    measure = WarpingError()
    for frame, picture in zip(frames, pictures, strict=True):
        measure.add(frame, picture, Motion(flow, seen))
    return measure.value


def test_flicker_is_halved_and_the_picture_stays() -> None:
    frames = photos(8)
    styled = flickering(frames)
    steadier = TemporalSmoother()
    shown = [steadier(frame, picture) for frame, picture in zip(frames, styled, strict=True)]
    assert error(frames, shown) < 0.6 * error(frames, styled)
    truth = 255 - frames[-1].astype(float)
    assert np.abs(shown[-1] - truth).mean() < np.abs(styled[-1] - truth).mean()  # nothing but noise is lost
    np.testing.assert_array_equal(shown[0], styled[0])


def test_a_moving_thing_leaves_no_ghost() -> None:
    """A dark square jumps over a flat wall: where it was, the next picture has the wall alone."""
    wall = np.full((*SIZE, 3), 180, np.uint8)
    frames = [wall.copy(), wall.copy()]
    frames[0][40:80, 20:60] = 30
    frames[1][40:80, 90:130] = 30
    steadier = TemporalSmoother()
    shown = [steadier(frame, frame) for frame in frames]
    assert np.abs(shown[1][42:78, 22:58].astype(int) - 180).max() < 20
    assert np.abs(shown[1][42:78, 92:128].astype(int) - 30).max() < 20


def test_a_cut_begins_anew() -> None:
    first, second = photos(1)[0], np.ascontiguousarray(data.coffee()[: SIZE[0], : SIZE[1]])
    steadier = TemporalSmoother()
    steadier(first, first)
    difference = np.abs(steadier(second, second).astype(int) - second)
    assert difference.mean() < 6


def test_a_standing_picture_is_not_washed_out() -> None:
    photo = photos(1)[0]
    steadier = TemporalSmoother()
    for _ in range(20):
        shown = steadier(photo, photo)
    assert np.abs(shown.astype(int) - photo).max() <= 2


def test_state_goes_on_exactly() -> None:
    frames = photos(6)
    styled = flickering(frames)
    whole, first, second = TemporalSmoother(), TemporalSmoother(), TemporalSmoother()
    assert first.state == {}
    expected = [whole(f, s) for f, s in zip(frames, styled, strict=True)]
    for frame, picture in zip(frames[:3], styled[:3], strict=True):
        first(frame, picture)
    second.restore(first.state)
    for number in range(3, 6):
        np.testing.assert_array_equal(second(frames[number], styled[number]), expected[number])


def test_another_size_begins_anew() -> None:
    steadier, small = TemporalSmoother(), np.zeros((40, 60, 3), np.uint8)
    steadier(photos(1)[0], photos(1)[0])
    np.testing.assert_array_equal(steadier(small, small + 7), small + 7)


def test_a_state_of_another_size_begins_anew() -> None:
    steadier, (first, second) = TemporalSmoother(), photos(2)
    steadier.restore({"photo": np.zeros((3, 4, 3), np.uint8), "picture": first})
    np.testing.assert_array_equal(steadier(second, 255 - second), 255 - second)


@pytest.mark.parametrize("size", [(1, 1), (17, 250), (250, 17)])
def test_frames_of_any_shape(size: tuple[int, int]) -> None:
    frame, steadier = np.full((*size, 3), 90, np.uint8), TemporalSmoother()
    for _ in range(3):
        shown = steadier(frame, frame)
    assert shown.shape == frame.shape


def test_photo_and_picture_of_two_sizes() -> None:
    with pytest.raises(UsageError, match="not of one frame"):
        TemporalSmoother()(np.zeros((20, 20, 3), np.uint8), np.zeros((20, 21, 3), np.uint8))


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

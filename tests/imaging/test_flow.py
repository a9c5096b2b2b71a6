import builtins
from typing import Any

import numpy as np
import pytest
from skimage import data

from impasto.errors import MissingExtraError, UsageError
from impasto.imaging.flow import FlowEstimator, carry


def pan(right: int, down: int, size: tuple[int, int] = (160, 170)) -> tuple[Any, Any]:
    """Two windows of a real photo: what is at p in the first was at p + (right, down) in the second."""
    whole = data.astronaut()[::2, ::2]
    height, width = size
    return (
        np.ascontiguousarray(whole[40 + down : 40 + down + height, 40 + right : 40 + right + width]),
        np.ascontiguousarray(whole[40 : 40 + height, 40 : 40 + width]),
    )


def test_flow_of_a_pan_is_its_shift() -> None:
    current, before = pan(6, -4)
    motion = FlowEstimator()(current, before)
    inner = motion.flow[24:-24, 24:-24]
    assert np.abs(np.median(inner, axis=(0, 1)) - (6, -4)).max() < 0.1
    assert motion.seen[24:-24, 24:-24].mean() > 0.9


def test_what_was_outside_was_not_seen() -> None:
    current, before = pan(20, 0)
    motion = FlowEstimator()(current, before)
    assert motion.seen[:, -10:].mean() < 0.1
    assert motion.seen.dtype == np.float32


def test_a_thing_that_appears_was_not_seen() -> None:
    current, before = pan(0, 0)
    current[60:100, 80:120] = np.random.RandomState(0).randint(0, 255, (40, 40, 3))
    seen = FlowEstimator()(current, before).seen
    assert seen[65:95, 85:115].mean() < 0.5 < 0.95 < seen[:40].mean()


def test_carry_moves_by_the_flow_exactly() -> None:
    before = np.random.RandomState(1).randint(0, 255, (20, 30, 3)).astype(np.uint8)
    flow = np.zeros((20, 30, 2), np.float32)
    flow[..., 0], flow[..., 1] = 3, -2
    for sharp in (False, True):
        moved = carry(before, flow, sharp=sharp)
        np.testing.assert_array_equal(moved[2:, :-3], before[:-2, 3:])
        np.testing.assert_array_equal(moved[2:, -1], before[:-2, -1])  # the border, repeated


def test_carry_between_pixels_is_bilinear() -> None:
    before = np.random.RandomState(2).rand(12, 14).astype(np.float32)
    flow = np.full((12, 14, 2), (0.25, 0.5), np.float32)
    x0, x1 = before[:-1, :-1], before[:-1, 1:]
    y0, y1 = before[1:, :-1], before[1:, 1:]
    expected = 0.5 * (0.75 * x0 + 0.25 * x1) + 0.5 * (0.75 * y0 + 0.25 * y1)
    np.testing.assert_allclose(carry(before, flow)[:-1, :-1], expected, atol=0.01)


def test_frames_that_do_not_fit() -> None:
    current, before = pan(0, 0)
    with pytest.raises(UsageError, match="no flow between"):
        FlowEstimator()(current, before[:-1])


@pytest.mark.parametrize("size", [(1, 1), (17, 170), (160, 20)])
@pytest.mark.parametrize("preset", ["ultrafast", "fast", "medium"])
def test_narrow_frames(size: tuple[int, int], preset: Any) -> None:
    current, before = pan(0, 0, size)
    motion = FlowEstimator(preset)(current, before)
    assert motion.flow.shape == (*size, 2)
    assert np.abs(motion.flow).max() < 0.2
    assert motion.seen.min() == 1


def test_without_opencv(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        if name == "cv2":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingExtraError, match=r"impasto\[video\]"):
        FlowEstimator()

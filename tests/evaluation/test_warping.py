import math
from itertools import pairwise

import numpy as np
import pytest
from skimage import data

from impasto.errors import UsageError
from impasto.evaluation import WarpingError
from impasto.imaging.flow import Motion


def still(size: tuple[int, int], seen: float = 1.0) -> Motion:
    return Motion(np.zeros((*size, 2), np.float32), np.full(size, seen, np.float32))


def test_warping_error_is_the_root_of_the_mean_square() -> None:
    dice = np.random.RandomState(3)
    pictures = dice.randint(0, 256, (4, 20, 24, 3)).astype(np.uint8)
    seen = (dice.rand(20, 24) < 0.7).astype(np.float32)
    measure = WarpingError()
    for picture in pictures:
        measure.add(picture, picture, Motion(np.zeros((20, 24, 2), np.float32), seen))
    scaled = pictures.astype(np.float64) / 255
    pairs = [(np.square(b - a).mean(2) * seen).sum() / seen.sum() for a, b in pairwise(scaled)]
    assert measure.value == pytest.approx(math.sqrt(np.mean(pairs)), rel=1e-5)


def test_motion_by_itself_is_no_error() -> None:
    whole = data.astronaut()
    frames = [np.ascontiguousarray(whole[60:220, 5 * n : 5 * n + 200]) for n in range(3)]
    moved, fixed = WarpingError(), WarpingError()
    for frame in frames:
        moved.add(frame, frame)  # flow by estimation
        fixed.add(frame, frame, still((160, 200)))
    assert 10 * moved.value < 0.1 < fixed.value


def test_what_was_hidden_does_not_count() -> None:
    measure = WarpingError()
    black = np.zeros((16, 16, 3), np.uint8)
    for picture in (black, black + 255):
        measure.add(black, picture, still((16, 16), seen=0.0))
    assert measure.value == 0


def test_one_frame_has_no_value() -> None:
    measure = WarpingError()
    assert math.isnan(measure.value)
    measure.add(np.zeros((16, 16, 3), np.uint8), np.zeros((16, 16, 3), np.uint8))
    assert math.isnan(measure.value)


def test_shapes() -> None:
    with pytest.raises(UsageError, match="must both be"):
        WarpingError().add(np.zeros((16, 16, 3), np.uint8), np.zeros((16, 17, 3), np.uint8))

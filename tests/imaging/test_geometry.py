"""Sizes, ladders and shares, for any numbers that a user may give."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from skimage import data

from impasto.errors import UsageError
from impasto.imaging.geometry import (
    crop,
    fit_long_side,
    grown,
    hull,
    needed,
    resampled,
    resize,
    scale_ladder,
    split_iterations,
    whole,
)

LENGTHS = st.integers(1, 20_000)
SIZES = [
    ((61, 83), (30, 41)), ((61, 83), (122, 166)), ((200, 17), (50, 4)), ((50, 4), (200, 17)),
    ((40, 40), (37, 59)), ((7, 9), (7, 9)), ((1, 1), (4, 4)), ((33, 20), (33, 50)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("size", "long_side", "expected"),
    [
        ((300, 400), 512, (384, 512)),
        ((400, 300), 512, (512, 384)),
        ((512, 512), 128, (128, 128)),
        ((1, 1000), 100, (1, 100)),
        ((5, 3), 5, (5, 3)),
    ],
)
def test_fit_long_side(size: tuple[int, int], long_side: int, expected: tuple[int, int]) -> None:
    assert fit_long_side(size, long_side) == expected


@given(size=st.tuples(LENGTHS, LENGTHS), long_side=LENGTHS)
def test_long_side_is_exact_and_the_shape_is_kept(size: tuple[int, int], long_side: int) -> None:
    fitted = fit_long_side(size, long_side)
    assert max(fitted) == long_side
    assert min(fitted) >= 1
    exact = min(size) * long_side / max(size)
    assert abs(min(fitted) - exact) <= 0.5 or (min(fitted) == 1 and exact < 0.5)


@pytest.mark.parametrize(
    ("long_side", "ladder"),
    [
        (64, (64,)),
        (128, (128,)),
        (192, (192,)),
        (193, (128, 193)),
        (256, (128, 256)),
        (512, (128, 256, 512)),
        (1000, (128, 250, 500, 1000)),
        (2048, (128, 256, 512, 1024, 2048)),
    ],
)
def test_usual_ladder(long_side: int, ladder: tuple[int, ...]) -> None:
    assert scale_ladder(long_side) == ladder


@pytest.mark.parametrize(
    ("scales", "ladder"),
    [
        (1, (512,)),
        (3, (128, 256, 512)),
        ((128, 256, 512), (128, 256, 512)),
        ((100, 300), (100, 300, 512)),
        ([], (512,)),
    ],
)
def test_ladder_as_told(scales: int | tuple[int, ...], ladder: tuple[int, ...]) -> None:
    assert scale_ladder(512, scales) == ladder


@pytest.mark.parametrize("scales", [0, -1, 11, 99])
def test_number_of_scales_that_does_not_fit(scales: int) -> None:
    with pytest.raises(UsageError, match=f"{scales} scales do not fit 1000 pixels: choose 1 to 10"):
        scale_ladder(1000, scales)


@pytest.mark.parametrize("scales", [(256, 128), (128, 128), (0, 128), (600,), (-5, 512)])
def test_ladder_that_does_not_grow(scales: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match=rf"grow from at least 1 to the size, 512, not {scales[0]}"):
        scale_ladder(512, scales)


@given(long_side=LENGTHS)
def test_usual_ladder_grows_by_two_at_most(long_side: int) -> None:
    ladder = scale_ladder(long_side)
    assert ladder[-1] == long_side
    assert all(a < b <= 2 * a + 1 for a, b in pairwise(ladder))
    assert ladder[0] <= 192


@given(data=st.data(), long_side=LENGTHS)
def test_numbered_ladder_has_that_many_rungs_and_grows(data: st.DataObject, long_side: int) -> None:
    scales = data.draw(st.integers(1, long_side.bit_length()))
    ladder = scale_ladder(long_side, scales)
    assert len(ladder) == scales
    assert ladder[-1] == long_side
    assert ladder[0] >= 1
    assert all(a < b for a, b in pairwise(ladder))


@given(rungs=st.integers(1, 16), more=st.integers(0, 5000), ratio=st.floats(0.05, 1))
def test_iterations_are_shared_to_the_last_one(rungs: int, more: int, ratio: float) -> None:
    shares = split_iterations(rungs + more, rungs, ratio)
    assert len(shares) == rungs
    assert sum(shares) == rungs + more
    assert min(shares) >= 1
    weights = [ratio ** max(0, rung - 1) for rung in range(rungs)]
    expected = [more * weight / sum(weights) for weight in weights]
    assert all(abs(share - 1 - exact) <= 1.001 for share, exact in zip(shares, expected, strict=True))


def test_later_scales_get_fewer_iterations() -> None:
    coarse, middle, fine = split_iterations(240, 3)
    assert middle == coarse
    assert fine / middle == pytest.approx(0.6, abs=0.02)


def test_too_few_iterations_say_how_many_there_must_be() -> None:
    with pytest.raises(UsageError, match="2 iterations do not suffice for 3 scales: give at least 3"):
        split_iterations(2, 3)


def test_resize_agrees_with_pillow() -> None:
    """Both are bicubic with a kernel that widens when shrinking, and so without aliasing."""
    small = Image.fromarray(data.chelsea()).resize((96, 64))
    expected = np.asarray(small.resize((37, 29), Image.Resampling.BICUBIC), np.float32) / 255
    image = torch.from_numpy(np.array(small)).permute(2, 0, 1)[None].float() / 255
    found = resize(image, (29, 37))[0].permute(1, 2, 0).numpy()
    assert found.shape == (29, 37, 3)
    assert np.abs(found - expected).max() < 2 / 255


def test_resize_stays_in_range_where_bicubic_overshoots() -> None:
    edge = torch.zeros(1, 3, 8, 8)
    edge[..., 4:] = 1.0
    enlarged = resize(edge, (33, 33))
    assert enlarged.min() == 0
    assert enlarged.max() == 1


def test_resize_to_the_same_size_changes_nothing() -> None:
    image = torch.rand(2, 3, 5, 6, generator=torch.Generator().manual_seed(0))
    assert torch.equal(resize(image, (5, 6)), image)


@pytest.mark.parametrize(("before", "size"), SIZES)
def test_a_part_is_as_in_the_whole(before, size):
    image = torch.rand(3, *before, generator=torch.Generator().manual_seed(1))
    expected = resize(image[None], size)[0]
    height, width = size
    for box in ((0, 0, height, width), (0, width // 2, (height + 1) // 2, width),
                (height // 3, width // 4, height // 3 + 1, width // 4 + 1)):  # fmt: skip
        place = needed(box, size, before)
        found = resampled(crop(image, whole(before), place), place, before, box, size)
        torch.testing.assert_close(found, crop(expected, whole(size), box), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("before", "size"), SIZES[:5])
def test_nothing_beyond_what_is_needed_counts(before, size):
    image = torch.rand(3, *before, generator=torch.Generator().manual_seed(2))
    box = (size[0] // 3, size[1] // 3, size[0] // 2 + 1, size[1] // 2 + 1)
    top, left, bottom, right = needed(box, size, before)
    other = torch.full_like(image, 0.5)
    other[:, top:bottom, left:right] = image[:, top:bottom, left:right]
    pictures = [resampled(one, whole(before), before, box, size) for one in (image, other)]
    assert torch.equal(*pictures)


def test_boxes():
    assert grown((10, 20, 30, 40), 5, (33, 100)) == (5, 15, 33, 45)
    assert grown((10, 20, 30, 40), 5, (100, 42), step=8) == (0, 8, 35, 42)
    assert hull((10, 20, 30, 40), (5, 25, 28, 50)) == (5, 20, 30, 50)

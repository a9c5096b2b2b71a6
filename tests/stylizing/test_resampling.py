"""Parts of resized pictures, compared with resizing the whole."""

import pytest
import torch

from impasto.imaging.geometry import resize
from impasto.stylizing.resampling import crop, grown, hull, needed, resampled, whole

SIZES = [
    ((61, 83), (30, 41)), ((61, 83), (122, 166)), ((200, 17), (50, 4)), ((50, 4), (200, 17)),
    ((40, 40), (37, 59)), ((7, 9), (7, 9)), ((1, 1), (4, 4)), ((33, 20), (33, 50)),
]  # fmt: skip


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

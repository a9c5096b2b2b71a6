"""Styles and regions as people give them, to styles and masks as painting takes them."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from impasto.errors import ImageError, UsageError
from impasto.painting.inputs import read_regions, read_styles, split_regions

Picture = Callable[[str, int], Tensor]
SIZE = (20, 30)


def mask(*columns: slice) -> np.ndarray:
    """(20, 30) of uint8, white in these columns."""
    levels = np.zeros(SIZE, np.uint8)
    for part in columns:
        levels[:, part] = 255
    return levels


def test_regions_come_first_and_the_base_last() -> None:
    assert split_regions("base", {"sky.png": "wave", "sea.png": ["a", "b"]}) == (
        ["sky.png", "sea.png"],
        ["wave", ["a", "b"], "base"],
    )
    assert split_regions(None, [("sky.png", "wave")]) == (["sky.png"], ["wave"])
    assert split_regions("base", ()) == ([], ["base"])


def test_nothing_to_take_a_style_from() -> None:
    for style, region in ((None, {}), ([], ()), (None, {"sky.png": []})):
        with pytest.raises(UsageError, match="at least one style"):
            read_styles(split_regions(style, region)[1])


def test_styles_know_their_region_and_weight(picture: Picture) -> None:
    one, two = picture("coffee", 48), picture("chelsea", 48)
    styles, notes = read_styles([(one, 3.0), [one, (two, 2)]])
    assert [(style.region, style.weight) for style in styles] == [(0, 3.0), (1, 1.0), (1, 2)]
    torch.testing.assert_close(styles[2].image, two)
    assert notes == ()


def test_a_style_that_is_too_small(picture: Picture) -> None:
    with pytest.raises(ImageError, match=r"image has 20 x 13 pixels; a style needs at least 32"):
        read_styles([picture("coffee", 20)])


def test_without_masks_there_are_no_regions() -> None:
    assert read_regions([], None, SIZE, SIZE, base=True) == ([], None, ())


def test_a_mask_is_the_only_region() -> None:
    regions, whole, notes = read_regions([], mask(slice(0, 10)), SIZE, (10, 15), base=True)
    assert whole is not None
    assert torch.equal(regions[0], whole)
    assert whole.shape == (1, 10, 15)
    assert whole[..., :4].min() == 1
    assert whole[..., 6:].max() == 0
    assert notes == ()


def test_regions_and_base_share_the_picture_within_the_mask() -> None:
    masks = [mask(slice(0, 10)), mask(slice(20, 30))]
    regions, whole, _ = read_regions(masks, mask(slice(5, 30)), SIZE, SIZE, base=True)
    assert whole is not None
    torch.testing.assert_close(torch.stack(regions).sum(0), whole)
    assert [round(float(region.mean()) * 6) for region in regions] == [1, 2, 2]


def test_gaps_and_other_sizes_are_told() -> None:
    regions, _, notes = read_regions(
        [mask(slice(0, 10)), mask(slice(20, 30))], None, (40, 60), (40, 60), base=False
    )
    torch.testing.assert_close(torch.stack(regions).sum(0), torch.ones(1, 40, 60))
    assert sum("has 30 x 20 pixels and was resized to 60 x 40" in note for note in notes) == 2
    assert sum("of the picture free, which the nearest one takes" in note for note in notes) == 1


def test_a_black_mask() -> None:
    with pytest.raises(ImageError, match="black all over"):
        read_regions([], mask(), SIZE, SIZE, base=True)


def framed(picture: Picture) -> Tensor:
    """(3, H, W) of a photo with a white margin of 20 pixels."""
    inner = picture("chelsea", 120)
    canvas = torch.ones(3, inner.shape[1] + 40, inner.shape[2] + 40)
    canvas[:, 20:-20, 20:-20] = inner
    return canvas


def test_borders_of_styles_are_left_out_and_said(picture: Picture) -> None:
    (style,), (note,) = read_styles([framed(picture)])
    height, width = picture("chelsea", 120).shape[1:]
    assert abs(style.image.shape[1] - height) <= 4 and abs(style.image.shape[2] - width) <= 4
    assert note.startswith("the border of ") and note.endswith(
        f"of {width + 40} x {height + 40} pixels remain"
    )


def test_borders_are_kept_if_told(picture: Picture) -> None:
    (style,), notes = read_styles([framed(picture)], style_crop="off")
    assert torch.equal(style.image, framed(picture)) and not notes


def test_a_part_of_a_style_can_be_named(picture: Picture) -> None:
    (style,), notes = read_styles([framed(picture)], style_crop=(30, 20, 50, 40))
    assert torch.equal(style.image, framed(picture)[:, 20:60, 30:80]) and not notes
    for box in ((130, 0, 50, 40), (0, 0, 50, 500), (0, 0, 10, 40)):
        with pytest.raises(
            UsageError, match=r"style_crop .* does not fit .* or leaves fewer than 32 each way"
        ):
            read_styles([framed(picture)], style_crop=box)

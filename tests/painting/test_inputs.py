"""Styles and regions as people give them, to styles and masks as painting takes them."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from impasto import styles
from impasto.encoding import card_of
from impasto.errors import ImageError, UsageError
from impasto.imaging import io
from impasto.imaging.geometry import fit_long_side, resize
from impasto.painting.inputs import read_regions, read_styles, recolor, split_regions, stylize
from impasto.painting.objective import Style

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


@pytest.fixture(scope="module")
def photo(picture: Picture) -> Tensor:
    return picture("coffee", 96)


def shipped(name: str) -> Style:
    image = io.read(styles.pictures()[name])[0]
    return Style(resize(image[None], fit_long_side((image.shape[1], image.shape[2]), 128))[0])


@pytest.fixture(scope="module")
def night() -> Style:
    return shipped("swirling-night")


@pytest.fixture(scope="module")
def sea() -> Style:
    return shipped("woodblock-sea")


def soft(style: Style) -> Style:
    """Of low contrast, so that nothing in its colors leaves [0, 1]."""
    return Style(0.5 + 0.3 * (style.image - style.image.mean()))


def test_it_has_the_styles_mean_and_covariance(photo: Tensor, night: Style) -> None:
    style = soft(night)
    found, target = (one.flatten(1).double().numpy() for one in (recolor(photo, [style], 0.5), style.image))
    np.testing.assert_allclose(found.mean(1), target.mean(1), atol=1e-5)
    np.testing.assert_allclose(np.cov(found, bias=True), np.cov(target, bias=True), atol=1e-5)


def test_it_keeps_the_photos_light(photo: Tensor, night: Style) -> None:
    """A linear map of colors: the photo explains all of it."""
    known = torch.cat([photo.flatten(1), torch.ones(1, photo[0].numel())]).T.double()
    found = recolor(photo, [soft(night)], 0.5).flatten(1).T.double()
    left = found - known @ torch.linalg.lstsq(known, found).solution
    assert left.square().sum() < 1e-8 * found.var(0).sum() * len(found)


def test_weaker_is_nearer_to_the_photo(photo: Tensor, night: Style) -> None:
    distances = [(recolor(photo, [night], s) - photo).abs().mean() for s in (0.0, 0.1, 0.2, 0.25)]
    assert distances[0] == 0
    assert distances[1] < distances[2] < distances[3]
    assert torch.equal(recolor(photo, [night], 1.0), recolor(photo, [night], 0.25))


def test_regions_are_recolored_apart(photo: Tensor, night: Style, sea: Style) -> None:
    left = torch.zeros(1, *photo.shape[1:])
    left[..., :40] = 1
    styles = [night, Style(sea.image, region=1)]
    both = recolor(photo, styles, 0.5, [left, 0.5 * (1 - left)])
    own = recolor(photo[..., :40], [night], 0.5)
    torch.testing.assert_close(both[..., :40], own, atol=1e-5, rtol=0)
    half = 0.5 * recolor(photo[..., 40:], [sea], 0.5) + 0.5 * photo[..., 40:]
    torch.testing.assert_close(both[..., 40:], half, atol=1e-5, rtol=0)


def test_hidden_colors_do_not_count(photo: Tensor, night: Style) -> None:
    alpha = torch.ones(1, *photo.shape[1:])
    alpha[..., :30] = 0
    hidden = photo.clone()
    hidden[:, :, :30] = torch.tensor([1.0, 0.0, 1.0]).view(3, 1, 1)
    one, other = (recolor(image, [night], 0.5, alpha=alpha)[..., 30:] for image in (photo, hidden))
    torch.testing.assert_close(one, other, atol=1e-5, rtol=0)


def test_styles_mix(photo: Tensor, night: Style, sea: Style) -> None:
    halves = [Style(one.image, 0.5) for one in (night, sea)]
    mixed = recolor(photo, halves, 0.5)
    pure = [recolor(photo, [one], 0.5) for one in (night, sea)]
    assert all(0.01 < (mixed - one).abs().mean() < (pure[0] - pure[1]).abs().mean() for one in pure)


@pytest.mark.parametrize("color", [0.0, 0.5, 1.0])
def test_photos_and_styles_of_one_color_stay_pictures(photo: Tensor, night: Style, color: float) -> None:
    flat = torch.full_like(photo, color)
    for one in (
        recolor(flat, [night], 0.5),
        recolor(photo, [Style(flat)], 0.5),
        recolor(flat, [Style(flat)], 1),
    ):
        assert one.isfinite().all() and one.min() >= 0 and one.max() <= 1


def test_two_color_styles_give_two_colors(photo: Tensor) -> None:
    checks = torch.zeros(3, 64, 64)
    checks[0, ::2] = 1  # black and red rows
    found = recolor(photo, [Style(checks)], 0.5)
    assert found.isfinite().all()
    assert found[1:].max() < 1e-3 and found[0].std() > 0.1


def test_noise_of_a_nearly_gray_photo_stays_small(photo: Tensor, night: Style) -> None:
    generator = torch.Generator().manual_seed(0)
    gray = photo.mean(0, keepdim=True).expand(3, -1, -1)
    noisy = gray + torch.randn(photo.shape, generator=generator) / 255
    clean, found = (recolor(image, [soft(night)], 0.5) for image in (gray, noisy))
    assert (found - clean).std() < 9 / 255


def test_the_instant_start_is_what_the_card_paints(photo: Tensor, night: Style, sea: Style) -> None:
    with torch.no_grad():
        expected = card_of(night.image).build()(photo[None]).clamp(0, 1)
    torch.testing.assert_close(stylize(photo[None], [night], 0.5), expected, atol=1e-5, rtol=0)
    left = torch.zeros(1, *photo.shape[1:])
    left[..., :40] = 1
    both = stylize(photo[None], [night, Style(sea.image, region=1)], 1.0, [left, 1 - left])
    torch.testing.assert_close(both[..., :40], expected[..., :40], atol=1e-5, rtol=0)
    assert (both[..., 40:] - expected[..., 40:]).abs().mean() > 0.01

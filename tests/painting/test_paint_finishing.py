"""Colors, detail and the photo's part, in their order."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from impasto.imaging.color_transfer import keep_color, luma, match_colors
from impasto.imaging.detail import return_detail
from impasto.imaging.masks import blend
from impasto.painting.objective import Style
from impasto.painting.options import PaintOptions
from impasto.painting.paint import postprocess, recolor

Picture = Callable[[str, int], Tensor]


@pytest.fixture(scope="module")
def photo(picture: Picture) -> Tensor:
    return picture("coffee", 40)


@pytest.fixture(scope="module")
def painted(photo: Tensor) -> Tensor:
    return (0.7 * photo.flip(0) + 0.2 * photo.flip(2)).clamp(0, 1)


def moments(image: Tensor) -> Tensor:
    """Mean and covariance of the colors of (3, ...), side by side."""
    flat = image.flatten(1)
    return torch.cat([flat.mean(1, keepdim=True), flat.cov(correction=0)], 1)


def test_nothing_is_asked_for(painted: Tensor, photo: Tensor) -> None:
    assert postprocess(painted, photo, PaintOptions()) is painted


def test_colors_then_detail_then_the_photo(painted: Tensor, photo: Tensor) -> None:
    mask = torch.rand(1, *photo.shape[1:], generator=torch.Generator().manual_seed(0))
    options = PaintOptions(keep_color="luminance", keep_color_amount=0.7, detail=0.6)
    expected = return_detail(keep_color(painted, photo, "luminance", 0.7), photo, 0.6)
    torch.testing.assert_close(postprocess(painted, photo, options, mask=mask), blend(expected, photo, mask))


def test_luminance_is_the_paintings(painted: Tensor, photo: Tensor) -> None:
    kept = postprocess(painted, photo, PaintOptions(keep_color="luminance"))
    torch.testing.assert_close(luma(kept), luma(painted), atol=1e-5, rtol=0)


def test_histograms_are_matched_before_not_after(painted: Tensor, photo: Tensor) -> None:
    assert postprocess(painted, photo, PaintOptions(keep_color="histogram")) is painted


def test_recolored_style_has_the_photos_colors(photo: Tensor, picture: Picture) -> None:
    style = Style(picture("chelsea", 48))
    assert torch.equal(recolor(style, photo, 0.0).image, style.image)
    whole = recolor(style, photo, 1.0).image
    torch.testing.assert_close(whole, match_colors(style.image, photo))
    torch.testing.assert_close(moments(whole), moments(photo), atol=0.02, rtol=0)
    half = recolor(style, photo, 0.5).image
    torch.testing.assert_close(half, (style.image + whole) / 2)


def test_hidden_colors_of_a_style_have_no_influence(photo: Tensor, picture: Picture) -> None:
    image = picture("chelsea", 48)
    alpha = torch.zeros_like(image[:1])
    alpha[:, :, 10:40] = 1
    loud = image.where(alpha > 0, torch.tensor([1.0, 0.0, 1.0]).view(3, 1, 1))
    found = recolor(Style(loud, alpha=alpha), photo, 1.0)
    expected = match_colors(image[:, :, 10:40], photo)
    torch.testing.assert_close(found.image[:, :, 10:40], expected)
    assert torch.equal(found.image[:, :, :10], loud[:, :, :10])
    assert found.alpha is alpha

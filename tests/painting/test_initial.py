"""The image that a painting starts from: the photo in the colors of the styles."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from impasto import styles
from impasto.encoding import card_of
from impasto.imaging import io
from impasto.imaging.geometry import fit_long_side, resize
from impasto.painting.initial import recolor, stylize
from impasto.painting.objective import Style

Picture = Callable[[str, int], Tensor]


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

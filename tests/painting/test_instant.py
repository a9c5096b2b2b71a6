"""The start of a painting: all style, by regions, and nothing at strength 0."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from impasto import styles
from impasto.encoding import card_of
from impasto.imaging import io
from impasto.painting.instant import instant
from impasto.painting.objective import Style

Picture = Callable[[str, int], Tensor]


@pytest.fixture(scope="module")
def photo(picture: Picture) -> Tensor:
    return picture("coffee", 96)


@pytest.fixture(scope="module")
def night() -> Style:
    return Style(io.read(styles.pictures()["swirling-night"])[0])


@pytest.fixture(scope="module")
def sea() -> Style:
    return Style(io.read(styles.pictures()["woodblock-sea"])[0])


def test_it_is_what_the_card_paints(photo: Tensor, night: Style) -> None:
    with torch.no_grad():
        expected = card_of(night.image).build()(photo[None])[0].clamp(0, 1)
    assert torch.allclose(instant(photo, [night], (), 0.5), expected, atol=1e-5)
    assert torch.equal(instant(photo, [night], (), 1.0), instant(photo, [night], (), 0.5))


def test_weaker_is_nearer_to_the_photo(photo: Tensor, night: Style) -> None:
    distances = [(instant(photo, [night], (), s) - photo).abs().mean() for s in (0.0, 0.1, 0.25, 0.5)]
    assert distances[0] == 0
    assert distances[1] < distances[2] < distances[3]


def test_regions_are_painted_apart(photo: Tensor, night: Style, sea: Style) -> None:
    left = torch.zeros(1, *photo.shape[1:])
    left[..., :40] = 1
    styles = [night, Style(sea.image, region=1)]
    both = instant(photo, styles, [left, 0.5 * (1 - left)], 0.5)
    assert torch.allclose(both[..., :40], instant(photo, [night], (), 0.5)[..., :40], atol=1e-5)
    half = 0.5 * instant(photo, [sea], (), 0.5) + 0.5 * photo
    assert torch.allclose(both[..., 40:], half[..., 40:], atol=1e-5)


def test_large_photos_start_smaller(picture: Picture, night: Style) -> None:
    wide = picture("coffee", 64).repeat(1, 1, 20)
    assert max(instant(wide, [night], (), 0.5).shape) == 1024


def test_styles_mix(photo: Tensor, night: Style, sea: Style) -> None:
    halves = [Style(one.image, 0.5) for one in (night, sea)]
    mixed, pure = instant(photo, halves, (), 0.5), instant(photo, [night], (), 0.5)
    assert (mixed - pure).abs().mean() > 0.01
    assert (mixed - pure).abs().mean() < (instant(photo, [sea], (), 0.5) - pure).abs().mean()

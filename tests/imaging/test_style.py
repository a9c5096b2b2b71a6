"""Pictures that show a style, and those that show none."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from impasto.errors import ImageError
from impasto.imaging.style import LEAST_SIDE, read_style

Picture = Callable[[str, int], Tensor]


def test_a_style_is_read_as_any_picture(picture: Picture) -> None:
    given = picture("coffee", 64)
    image, info = read_style(given)
    assert torch.equal(image, given)
    assert info.size == (43, 64)


def test_the_smallest_style(picture: Picture) -> None:
    side = LEAST_SIDE
    read_style(picture("coffee", 64)[:, :side, :side])
    for cut in (picture("coffee", 64)[:, : side - 1, :], picture("coffee", 64)[..., : side - 1]):
        with pytest.raises(
            ImageError, match=r"image has \d+ x \d+ pixels; a style needs at least 32 each way"
        ):
            read_style(cut)


@pytest.mark.parametrize("noise", [0.0, 0.002])
def test_one_color_is_no_style(noise: float) -> None:
    """Not even with a compression's noise on it."""
    color = torch.tensor([0.1, 0.5, 0.9]).view(3, 1, 1).expand(3, 40, 40)
    dice = torch.Generator().manual_seed(0)
    with pytest.raises(ImageError, match="image is of one color: there is no style to see in it"):
        read_style(color + noise * torch.rand(3, 40, 40, generator=dice))


def test_what_is_transparent_is_not_seen(picture: Picture) -> None:
    image = picture("coffee", 64)
    alpha = torch.zeros_like(image[:1])
    with pytest.raises(ImageError, match="wholly transparent"):
        read_style(torch.cat([image, alpha]))
    alpha[:, 10:30, 10:30] = 1
    flat = image.where(alpha == 0, torch.tensor(0.5))
    with pytest.raises(ImageError, match="of one color"):
        read_style(torch.cat([flat, alpha]))
    read_style(torch.cat([image, alpha]))


def test_the_limit_of_pixels_holds(picture: Picture) -> None:
    with pytest.raises(ImageError):
        read_style(picture("coffee", 64), max_pixels=1000)


def test_a_border_is_left_out_and_said(picture: Picture) -> None:
    inner = picture("coffee", 120)
    canvas = torch.ones(3, inner.shape[1] + 40, inner.shape[2] + 40)
    canvas[:, 20:-20, 20:-20] = inner
    image, info = read_style(canvas)
    assert image.shape[1:] == info.size
    assert abs(info.size[0] - inner.shape[1]) <= 4 and abs(info.size[1] - inner.shape[2]) <= 4
    assert info.notes[-1].startswith("the border of image is left out")
    whole, info = read_style(canvas, style_crop="off")
    assert torch.equal(whole, canvas) and not info.notes


def test_alpha_is_cropped_with_the_colors(picture: Picture) -> None:
    image = torch.cat([picture("coffee", 120), torch.linspace(0.1, 1, 120).expand(1, 80, 120)])
    seen, info = read_style(image, style_crop=(30, 20, 50, 40))
    assert torch.equal(seen, image[:3, 20:60, 30:80])
    assert info.alpha is not None
    assert torch.equal(info.alpha, image[3:, 20:60, 30:80])

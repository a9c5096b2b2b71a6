"""Textures: of any size, from styles alone, and without a style's borders."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import impasto
from impasto.errors import ImageError, UsageError
from impasto.painting.objective import Objective, Style
from impasto.painting.options import TextureOptions
from impasto.painting.texture import TexturePainter, texture
from impasto.progress import Step

Picture = Callable[[str, int], Tensor]


@pytest.fixture(scope="module")
def style(picture: Picture) -> Tensor:
    """(3, 64, 96)"""
    return picture("coffee", 96)


@pytest.fixture(scope="module")
def quick(compact_file: Path) -> dict[str, Any]:
    """Options that work in a moment."""
    layers = "relu1_1,relu2_1"
    return {
        "iterations": 4,
        "backbone": str(compact_file),
        "style_layers": layers,
        "device": "cpu",
        "precision": "float32",
    }


@pytest.mark.parametrize(
    ("size", "expected"), [((40, 70), (40, 70)), ((90, 33), (90, 33)), (48, (32, 48)), (96, (64, 96))]
)
def test_size_is_as_asked_for_or_in_the_styles_shape(
    style: Tensor, quick: dict[str, Any], size: Any, expected: tuple[int, int]
) -> None:
    picture = texture(style, size, **quick)
    assert (picture.height, picture.width) == expected
    assert picture.mode == "RGB"


def test_same_seed_same_texture(style: Tensor, quick: dict[str, Any]) -> None:
    one, again, other = (np.asarray(texture(style, 48, seed=seed, **quick)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


def test_a_step_per_gradient(style: Tensor, quick: dict[str, Any]) -> None:
    seen: list[Step] = []
    texture(style, 48, callback=seen.append, **quick)
    assert len(seen) == 4
    assert set(seen[-1].losses) == {"total", "style", "tv"}  # there is no photo
    assert seen[-1].losses["style"] < seen[0].losses["style"]


def test_it_comes_to_have_the_styles_colors_and_mixtures_are_between(style: Tensor, picture: Picture) -> None:
    """With the embedded backbone."""
    other = picture("chelsea", 96)

    def made(styles: Any) -> Any:
        picture = texture(styles, (64, 64), iterations=60, precision="float32")
        return np.asarray(picture, float) / 255

    one, both, two = (made(styles) for styles in (style, [(style, 0.5), (other, 0.5)], other))
    for texture_of, seen in ((one, style), (two, other)):
        np.testing.assert_allclose(texture_of.mean((0, 1)), seen.mean((1, 2)), atol=0.05)
        np.testing.assert_allclose(texture_of.std((0, 1)), seen.std((1, 2)), rtol=0.4)
    for channel in (1, 2):  # which tell them apart
        assert one[..., channel].mean() < both[..., channel].mean() < two[..., channel].mean()


def test_strokes_stay_as_large_as_the_style_has_them(style: Tensor, quick: dict[str, Any]) -> None:
    """In a texture larger than the style; in a smaller one, the style is seen as large as it."""
    for size, seen in (((300, 400), 96), ((30, 48), 48)):
        painter = TexturePainter(style, TextureOptions(size, **quick))
        (one,) = painter.styles
        assert one.scale * max(painter.scales[-1].size) == pytest.approx(seen)


def test_the_ladder_begins_where_the_style_has_some_256_pixels(
    picture: Picture, quick: dict[str, Any]
) -> None:
    style = picture("astronaut", 512)
    for size, stroke_size, rungs in (
        (512, 1.0, 2),
        (1024, 1.0, 2),
        (256, 1.0, 1),
        (512, 2.0, 3),
        (64, 0.1, 1),
    ):
        options = TextureOptions(size, stroke_size=stroke_size, **quick)
        assert len(TexturePainter(style, options).scales) == rungs


def test_a_style_has_no_borders(
    monkeypatch: pytest.MonkeyPatch, style: Tensor, quick: dict[str, Any]
) -> None:
    """It is continued by its mirror image, which does not count."""
    seen: list[Style] = []

    def spy(backbone: Any, photo: Any, styles: Any, *rest: Any) -> Objective:
        seen.extend(styles)
        return Objective(backbone, photo, seen, *rest)

    monkeypatch.setattr("impasto.painting.scales.Objective", spy)
    texture(style, 96, **quick)
    (one,) = seen
    assert one.alpha is not None
    inside = (slice(None), slice(63, -63), slice(63, -63))  # as far as the mirror image of 64 pixels goes
    torch.testing.assert_close(one.image[inside], style, atol=1e-6, rtol=0)
    torch.testing.assert_close(one.image[:, 62, 63:-63], style[:, 1])
    assert one.alpha[inside].min() == 1
    assert one.alpha.sum() == style[0].numel()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 8}, "size must be a whole number from 16"),
        ({"size": (64, 0)}, "size must be a whole number from 16"),
        ({"size": (64, 64, 64)}, r"a number or \(height, width\)"),
        ({"stroke_size": 0}, "stroke_size must be from 0.05 to 20"),
        ({"style_loss": "best"}, "style_loss must be one of"),
        ({"style_loss": "nearest", "tile": 256}, "cannot be computed in tiles"),
        ({"strength": 0.5}, "there is no option strength: choose among size, stroke_size"),
    ],
)
def test_options_that_mean_nothing(style: Tensor, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        texture(style, **options)


def test_what_shows_no_style() -> None:
    with pytest.raises(ImageError, match="is of one color"):
        texture(torch.full((3, 64, 64), 0.5), 64)


def test_it_is_public() -> None:
    assert impasto.texture is texture

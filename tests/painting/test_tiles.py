"""Tiles against the whole: the same sums, and the same gradient, up to rounding."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from impasto import backbones
from impasto.backbones import Backbone
from impasto.imaging.geometry import resize
from impasto.painting.objective import Objective, Style
from impasto.painting.options import PaintOptions
from impasto.painting.scales import paint_steps
from impasto.painting.tiles import Tile, cut, reach, strides, sum_over

Picture = Callable[[str, int], Tensor]
SIDE = 96
WHOLE = 10_000  # pixels; a tile that holds all, in the arithmetic of tiles
LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


@pytest.fixture(scope="module")
def photo(picture: Picture) -> Tensor:
    """(1, 3, 171, 205): neither side is a multiple of anything."""
    return resize(picture("astronaut", 256)[None], (171, 205))


@pytest.fixture(scope="module")
def image(photo: Tensor) -> Tensor:
    """A painting in the making, not in range everywhere."""
    noise = torch.randn(photo.shape, generator=torch.Generator().manual_seed(0))
    return (photo + 0.1 * noise).contiguous(memory_format=torch.channels_last)


@pytest.fixture(scope="module")
def styles(picture: Picture) -> list[Style]:
    """Larger and smaller than the photo, one of them transparent in part, in whole tiles even."""
    coffee, cat = (
        resize(picture(name, 256)[None], size)[0]
        for name, size in (("coffee", (133, 199)), ("chelsea", (211, 90)))
    )
    alpha = torch.rand(1, 133, 199, generator=torch.Generator().manual_seed(1))
    alpha[:, :70, :70] = 0
    return [Style(coffee, 0.7, alpha), Style(cat, 0.3)]


def evaluated(
    backbone: Backbone,
    photo: Tensor,
    styles: list[Style],
    options: PaintOptions,
    image: Tensor,
    tile: int | None,
) -> tuple[dict[str, float], Tensor]:
    """The terms, with their sum as `total`, and the gradient."""
    x = image.clone(memory_format=torch.preserve_format).requires_grad_()
    total, terms = Objective(backbone, photo, styles, options, tile=tile)(x)
    (gradient,) = torch.autograd.grad(total, x)
    return {name: value.item() for name, value in (terms | {"total": total}).items()}, gradient


def assert_same(backbone: Backbone, options: PaintOptions, *pictures: Any) -> None:
    """In tiles and whole.

    Small pictures, which are not painted in tiles, have their sums in float32. For Gram matrices this makes
    no difference. In "moments" small eigenvalues are not known that exactly, whole or in tiles.
    """
    photo, styles, image = pictures
    terms, gradient = evaluated(backbone, photo, styles, options, image, SIDE)
    for whole in (WHOLE, None) if options.style_loss == "gram" else (WHOLE,):
        expected, exact = evaluated(backbone, photo, styles, options, image, whole)
        assert terms == pytest.approx(expected, rel=1e-5)
        assert (gradient - exact).norm() < 5e-5 * exact.norm()
        assert (gradient - exact).abs().max() < 1e-4 * exact.abs().max()


@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("style_loss", ["gram", "moments"])
def test_gradient_of_the_compact_backbone(
    photo: Tensor, styles: list[Style], image: Tensor, style_loss: Any, pooling: Any
) -> None:
    backbone = backbones.load("compact", pooling=pooling)
    assert_same(backbone, PaintOptions(style_loss=style_loss), photo, styles, image)


@pytest.mark.parametrize("style_loss", ["gram", "moments"])
@pytest.mark.parametrize("pooling", ["max", "average"])
def test_gradient_of_a_vgg(
    vgg_file: Path, photo: Tensor, styles: list[Style], image: Tensor, style_loss: Any, pooling: Any
) -> None:
    """With plain errors, and a layer that is looked at before its ReLU."""
    options = PaintOptions(
        style_loss=style_loss,
        style_layers="relu1_1=0.5,conv2_1",
        content_layers="relu2_1",
        normalize=False,
        style_weight=1.0,
        tv_weight=0.5,
    )
    assert_same(backbones.load(vgg_file, pooling=pooling), options, photo, styles, image)


def test_gradient_of_a_backbone_that_mirrors_borders(
    compressed_file: Path, photo: Tensor, styles: list[Style], image: Tensor
) -> None:
    assert_same(backbones.load(compressed_file), PaintOptions(style_loss="gram"), photo, styles, image)


@pytest.mark.parametrize("style_loss", ["gram", "moments"])
def test_gradient_in_regions(photo: Tensor, styles: list[Style], image: Tensor, style_loss: Any) -> None:
    """One of which is nowhere in most tiles."""
    backbone, options = backbones.load("compact"), PaintOptions(style_loss=style_loss)
    masks = [torch.rand(1, 171, 205, generator=torch.Generator().manual_seed(4)), torch.zeros(1, 171, 205)]
    masks[1][:, 20:50, 100:140] = 1
    placed = [styles[0], replace(styles[1], region=1)]
    found = []
    for tile in (SIDE, WHOLE):
        x = image.clone(memory_format=torch.preserve_format).requires_grad_()
        total, _ = Objective(backbone, photo, placed, options, tile=tile, regions=masks)(x)
        found.append((total.item(), torch.autograd.grad(total, x)[0]))
    (value, gradient), (expected, exact) = found
    rough = 10 if style_loss == "moments" else 1  # a small region has fewer positions than channels
    assert value == pytest.approx(expected, rel=rough * 1e-5)
    assert (gradient - exact).norm() < rough * 5e-5 * exact.norm()


def test_gradient_of_the_light(photo: Tensor, styles: list[Style], image: Tensor) -> None:
    """It is a mean over squares, of which each tile has whole ones."""
    backbone, options = backbones.load("compact"), PaintOptions(style_loss="gram", content_weight=1.0)
    light = torch.rand(1, 3, 40, 50, generator=torch.Generator().manual_seed(5))
    found = []
    for tile in (None, SIDE):
        x = image.clone(memory_format=torch.preserve_format).requires_grad_()
        total, terms = Objective(backbone, photo, styles, options, tile=tile, light=light)(x)
        found.append((terms["light"].item(), torch.autograd.grad(total, x)[0]))
    (expected, exact), (value, gradient) = found
    assert value == pytest.approx(expected, rel=1e-5) and expected > 0.1
    assert (gradient - exact).norm() < 5e-5 * exact.norm()


@pytest.mark.parametrize("weights", [(0.0, 1.0), (1.0, 0.0), (0.0, 0.0)])
def test_gradient_of_each_term_alone(
    photo: Tensor, styles: list[Style], image: Tensor, weights: tuple[float, float]
) -> None:
    content, style = weights
    options = PaintOptions(content_weight=content, style_weight=style, tv_weight=0.5, style_loss="gram")
    assert_same(backbones.load("compact"), options, photo, styles, image)


def test_windows_without_their_surroundings_would_not_do(
    monkeypatch: pytest.MonkeyPatch, photo: Tensor, styles: list[Style], image: Tensor
) -> None:
    """That these tests would see it: half of the reach is not enough."""
    backbone, options = backbones.load("compact"), PaintOptions(style_loss="gram")
    _, exact = evaluated(backbone, photo, styles, options, image, None)
    monkeypatch.setattr("impasto.painting.objective.reach", lambda *given: (16, reach(*given)[1] // 2))
    _, gradient = evaluated(backbone, photo, styles, options, image, SIDE)
    assert (gradient - exact).norm() > 1e-4 * exact.norm()


def test_bfloat16_is_near(photo: Tensor, styles: list[Style], image: Tensor) -> None:
    backbone, options = backbones.load("compact"), PaintOptions()
    whole, tiled = (
        Objective(backbone, photo, styles, options, torch.bfloat16, tile)(image)[0] for tile in (None, SIDE)
    )
    assert tiled.dtype == torch.float32
    assert tiled.item() == pytest.approx(whole.item(), rel=0.01)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_painting_in_tiles(photo: Tensor, styles: list[Style], optimizer: Any) -> None:
    """Solvers magnify what is rounded away."""
    backbone = backbones.load("compact")
    options = PaintOptions(
        size=150, iterations=5, optimizer=optimizer, init="photo", device="cpu", precision="float32"
    )
    off, whole, tiled = (
        list(paint_steps(photo[0], styles, backbone, replace(options, tile=tile)))
        for tile in ("off", WHOLE, SIDE)
    )
    for one, other in zip(whole, tiled, strict=True):
        assert one.losses == pytest.approx(other.losses, rel=1e-3, abs=1e-6)
    assert (whole[-1].image - tiled[-1].image).abs().mean() < 5e-4
    assert (off[-1].image - tiled[-1].image).abs().mean() < 1e-3


@pytest.mark.parametrize("layer", LAYERS)
def test_reach_is_as_far_as_a_feature_sees(layer: str) -> None:
    """With average pooling and positive weights, through which nothing is lost and nothing cancels."""
    backbone = backbones.load("compact", pooling="average")
    for parameter in backbone.parameters():
        parameter.data = parameter.abs()
    stride, pixels = reach(backbone, [layer])
    assert strides(backbone, [layer, "relu1_1"]) == {layer: stride, "relu1_1": 1}
    place = -(-pixels // stride)
    x = torch.ones(1, 3, (2 * place + 1) * stride, stride, requires_grad=True)
    (gradient,) = torch.autograd.grad(backbone(x, [layer])[layer][:, :, place].sum(), x)
    rows = gradient.abs().sum((0, 1, 3)).nonzero().flatten()
    assert (rows[0].item(), rows[-1].item()) == (place * stride - pixels, (place + 1) * stride + pixels - 1)


@pytest.mark.parametrize("size", [(171, 205), (64, 64), (65, 1000), (16, 17), (1000, 8)])
@pytest.mark.parametrize("stride", [1, 16])
def test_cores_cover_a_picture_once(size: tuple[int, int], stride: int) -> None:
    tiles = cut(size, SIDE, stride, 20)
    for factor in {1, stride}:
        seen = torch.zeros(1, 1, size[0] // factor, size[1] // factor)
        for tile in tiles:
            tile.place(seen, factor).add_(1)
        assert (seen == 1).all()
        if seen.numel():
            assert sum(tile.share(factor) for tile in tiles) == pytest.approx(1)
    for span in (span for tile in tiles for span in (tile.rows, tile.columns)):
        assert span.start % stride == span.first % stride == 0
        assert span.first == 0 or span.start - span.first >= 20
        assert span.last == span.length or span.last - span.end >= 20
        assert span.end - span.start <= SIDE + stride


def test_no_side_is_one_tile(image: Tensor) -> None:
    (tile,) = cut(image.shape[2:], None, 16, 80)
    assert tile.window(image).shape == tile.core(image, 1).shape == image.shape
    assert (tile.seen, tile.share(1), tile.share(16)) == ((171, 205), 1.0, 1.0)


def test_sums_of_any_function(image: Tensor) -> None:
    """With a derivative of its own for each of them."""

    def part(window: Tensor, tile: Tile) -> list[Tensor]:
        core = tile.core(window, 1)
        return [core.square().sum(), (core[0] @ core[0].transpose(1, 2)).sum() * 0 + core.sum((0, 2, 3))]

    x = image.double().requires_grad_()
    squares, colors = sum_over(cut(image.shape[2:], SIDE, 1, 1), part, x)
    torch.testing.assert_close(squares, x.square().sum())
    torch.testing.assert_close(colors, x.sum((0, 2, 3)))
    (gradient,) = torch.autograd.grad(squares.log() + colors.square().sum(), x)
    expected = 2 * x / squares + 2 * colors.view(3, 1, 1)
    torch.testing.assert_close(gradient, expected.detach())


def test_only_one_tile_is_held_at_a_time(image: Tensor) -> None:
    """A pass for the sums, which keeps no graph, and one for the gradient."""
    seen: list[tuple[bool, tuple[int, ...]]] = []

    def part(window: Tensor, tile: Tile) -> list[Tensor]:
        seen.append((torch.is_grad_enabled(), tuple(window.shape[2:])))
        return [tile.core(window, 1).sum()]

    tiles = cut(image.shape[2:], SIDE, 16, 16)
    (whole,) = sum_over(tiles, part, x := image.clone().requires_grad_())
    torch.autograd.grad(whole, x)
    assert seen == [(grad, tile.seen) for grad in (False, True) for tile in tiles]
    assert max(max(size) for _, size in seen) < 205

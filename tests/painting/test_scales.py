"""The tensor door: from coarse to fine, an event per gradient, the same picture for the same seed."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor

from impasto import backbones
from impasto.backbones import Backbone
from impasto.errors import DivergenceError, UsageError
from impasto.imaging.geometry import resize
from impasto.painting.inputs import initial_image, stylize
from impasto.painting.objective import Objective, Style
from impasto.painting.options import PaintOptions
from impasto.painting.scales import Scale, _Canvas, paint_steps, plan, result_size, with_shares
from impasto.progress import Step

Picture = Callable[[str, int], Tensor]
OPTIONS = PaintOptions(
    size=48, scales=(24, 48), iterations=10, style_layers="relu1_1,relu2_1", device="cpu", precision="float32"
)


@pytest.fixture(scope="module")
def backbone(compact_file: Path) -> Backbone:
    return backbones.load(compact_file)


@pytest.fixture(scope="module")
def photo(picture: Picture) -> Tensor:
    """(3, 43, 64)."""
    return picture("coffee", 64)


@pytest.fixture(scope="module")
def style(picture: Picture) -> Style:
    return Style(picture("chelsea", 64))


@pytest.fixture(scope="module")
def painted(photo: Tensor, style: Style, backbone: Backbone) -> list[Step]:
    return list(paint_steps(photo, [style], backbone, OPTIONS))


def last(photo: Tensor, style: Style, backbone: Backbone, options: PaintOptions) -> Tensor:
    *_, step = paint_steps(photo, [style], backbone, options)
    return step.image


def test_plan() -> None:
    assert plan((300, 400), PaintOptions(iterations=240, init="noise")) == (
        Scale((96, 128), 92),
        Scale((192, 256), 92),
        Scale((384, 512), 56),
    )
    assert plan((300, 400), PaintOptions()) == (Scale((192, 256), 25), Scale((384, 512), 25))
    assert plan((30, 20), PaintOptions(size=64, iterations=5)) == (Scale((64, 43), 5),)


def test_plan_keeps_the_size_of_the_photo() -> None:
    *_, finest = plan((1001, 333), PaintOptions(size=None))
    assert finest.size == (1001, 333)


def test_effort_decides_on_the_last_scale() -> None:
    assert plan((300, 400), PaintOptions(effort="quick")) == (Scale((192, 256), 25),)
    assert plan((30, 40), PaintOptions(effort="quick", size=40)) == (Scale((30, 40), 25),)
    assert [scale.size[1] for scale in plan((300, 400), PaintOptions(effort="best"))] == [256, 512, 768]
    told = PaintOptions(effort="best", scales=(100, 512))
    assert [scale.size[1] for scale in plan((300, 400), told)] == [100, 512]
    for effort in ("quick", "good", "best"):
        assert result_size((300, 400), PaintOptions(effort=effort)) == (384, 512)  # type: ignore[arg-type]


def test_plan_that_does_not_fit() -> None:
    with pytest.raises(UsageError, match="2 iterations do not suffice for 3 scales"):
        plan((300, 400), PaintOptions(iterations=2, init="noise"))
    with pytest.raises(UsageError, match="scales must grow"):
        plan((300, 400), PaintOptions(scales=(600,)))


def test_a_step_per_gradient_through_all_scales(painted: list[Step], photo: Tensor) -> None:
    coarse, fine = plan((43, 64), OPTIONS)
    assert coarse.iterations + fine.iterations == 10
    expected = [
        (number, scale.size, count, scale.iterations)
        for number, scale in enumerate((coarse, fine))
        for count in range(1, scale.iterations + 1)
    ]
    assert [(s.scale, s.size, s.iteration, s.iterations) for s in painted] == expected
    assert all(step.scales == 2 for step in painted)
    assert all(step.image.shape == (3, *step.size) for step in painted)


def test_progress_grows_to_one_by_pixels(painted: list[Step]) -> None:
    done = [0.0, *(step.done for step in painted)]
    parts = [b - a for a, b in pairwise(done)]
    assert done[-1] == pytest.approx(1)
    assert min(parts) > 0
    assert parts[-1] / parts[0] == pytest.approx((32 * 48) / (16 * 24))


def test_losses_fall_at_each_scale(painted: list[Step]) -> None:
    for number in (0, 1):
        totals = [step.losses["total"] for step in painted if step.scale == number]
        assert totals[-1] < totals[0]
    assert all(set(step.losses) == {"total", "style", "content", "light", "tv"} for step in painted)
    assert painted[-1].losses["style"] < painted[0].losses["style"]


def test_losses_are_those_of_the_image_that_is_shown(
    painted: list[Step], photo: Tensor, style: Style, backbone: Backbone
) -> None:
    """The first image at a scale is within [0, 1], and so the same as its snapshot."""
    step = painted[0]
    seen = replace(style, image=resize(style.image[None], (16, 24))[0])
    canvas = _Canvas((16, 24), 4, torch.device("cpu"))
    objective = Objective(backbone, canvas.show(photo[None]), [seen], OPTIONS)
    total, terms = objective(canvas.show(step.image[None]))
    assert step.losses["total"] == pytest.approx(total.item(), rel=1e-3)
    assert step.losses["style"] == pytest.approx(terms["style"].item(), rel=1e-3)


def test_images_can_be_shown_and_stay(painted: list[Step], photo: Tensor, style: Style) -> None:
    for step in painted:
        image = step.image
        assert image.dtype == torch.float32
        assert image.is_contiguous()
        assert not image.requires_grad
        assert 0 <= image.min() < image.max() <= 1
        image.zero_()
        assert step.image.max() > 0  # each caller has a copy of its own


def test_fine_scale_starts_from_the_coarse_result(painted: list[Step]) -> None:
    coarse, fine = (
        next(s for s in painted if s.scale == n and s.iteration == last) for n, last in ends(painted)
    )
    assert (resize(coarse.image[None], fine.size)[0] - fine.image).abs().mean() < 0.02


def ends(painted: list[Step]) -> list[tuple[int, int]]:
    """The last step of the coarse scale, and the first of the fine one."""
    return [(0, painted[0].iterations), (1, 1)]


def test_what_was_given_is_not_touched(
    photo: Tensor, style: Style, backbone: Backbone, picture: Picture
) -> None:
    list(paint_steps(photo, [style], backbone, replace(OPTIONS, iterations=3)))
    assert torch.equal(photo, picture("coffee", 64))
    assert torch.equal(style.image, picture("chelsea", 64))
    assert not photo.requires_grad


def test_same_seed_same_picture(photo: Tensor, style: Style, backbone: Backbone) -> None:
    noise = replace(OPTIONS, init="noise", iterations=4)
    one = last(photo, style, backbone, replace(noise, seed=1))
    torch.manual_seed(99)
    assert torch.equal(last(photo, style, backbone, replace(noise, seed=1)), one)
    assert not torch.equal(last(photo, style, backbone, replace(noise, seed=2)), one)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_both_optimizers_paint(photo: Tensor, style: Style, backbone: Backbone, optimizer: str) -> None:
    options = replace(OPTIONS, optimizer=optimizer, scales=1, iterations=15)  # type: ignore[arg-type]
    first, *_, final = paint_steps(photo, [style], backbone, options)
    assert final.losses["total"] < 0.9 * first.losses["total"]


def test_where_a_painting_begins(photo: Tensor, style: Style, backbone: Backbone, picture: Picture) -> None:
    def beginning(init: str, start: Tensor | None = None) -> Tensor:
        options = replace(OPTIONS, init=init, scales=1, iterations=1)
        return next(paint_steps(photo, [style], backbone, options, start)).image

    size = (32, 48)
    recolored = initial_image(photo, [style], size, PaintOptions())
    torch.testing.assert_close(beginning("auto"), recolored[0], atol=1e-3, rtol=0)
    instant = stylize(resize(photo[None], size), [style], 0.5)
    torch.testing.assert_close(beginning("instant"), instant[0], atol=1e-3, rtol=0)
    torch.testing.assert_close(beginning("photo"), resize(photo[None], size)[0])
    torch.testing.assert_close(beginning("style"), resize(style.image[None], size)[0])
    other = picture("astronaut", 40)
    torch.testing.assert_close(beginning("a-file.png", other), resize(other[None], size)[0])
    noise = beginning("noise")
    assert noise.mean().item() == pytest.approx(0.5, abs=0.02)
    assert noise.std().item() == pytest.approx(0.1, abs=0.02)
    with pytest.raises(
        UsageError,
        match=r"init must be one of auto, photo, noise, style, instant or an image file, not a-file\.png",
    ):
        beginning("a-file.png")


def test_the_canvas_is_larger_than_the_picture(picture: Picture) -> None:
    """The backbone's padding, which leaves a pale line, is seen outside of the picture only."""
    photo, canvas = picture("coffee", 60)[None], _Canvas((20, 30), 4, torch.device("cpu"))
    shown = canvas.show(photo)
    assert canvas.whole == tuple(shown.shape[2:]) == (28, 38)
    assert torch.equal(canvas.cut(shown), resize(photo, (20, 30)))
    assert torch.equal(shown[..., 3, :], shown[..., 5, :]), "mirrored"
    assert _Canvas((3, 30), 4, torch.device("cpu")).whole == (7, 34), "no further than a picture is high"
    assert _Canvas((20, 30), 0, torch.device("cpu")).whole == (20, 30)


def test_strength_zero_leaves_the_photo(photo: Tensor, style: Style, backbone: Backbone) -> None:
    image = last(photo, style, backbone, replace(OPTIONS, strength=0.0, scales=1, iterations=3))
    torch.testing.assert_close(image, resize(photo[None], (32, 48))[0], rtol=0, atol=1e-3)


def test_strength_moves_away_from_the_photo(photo: Tensor, style: Style, backbone: Backbone) -> None:
    goal = resize(photo[None], (32, 48))[0]
    weak, middle, strong = (
        (last(photo, style, backbone, replace(OPTIONS, strength=strength)) - goal).abs().mean()
        for strength in (0.15, 0.5, 0.85)
    )
    assert weak < middle < strong


def test_stroke_size_changes_what_is_seen_of_the_style(
    monkeypatch: pytest.MonkeyPatch, photo: Tensor, style: Style, backbone: Backbone
) -> None:
    seen: list[tuple[int, ...]] = []

    def spy(backbone: Backbone, photo: Tensor, styles: Iterable[Style], *rest: object) -> Objective:
        styles = list(styles)
        seen.extend(tuple(s.image.shape) for s in styles)
        return Objective(backbone, photo, styles, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("impasto.painting.scales.Objective", spy)
    for stroke_size in (0.5, 2.0):
        list(paint_steps(photo, [style], backbone, replace(OPTIONS, stroke_size=stroke_size, iterations=2)))
    assert seen == [(3, 8, 12), (3, 16, 24), (3, 32, 48), (3, 64, 96)]


def test_weights_of_styles_are_shares(style: Style) -> None:
    shares = with_shares([replace(style, weight=3.0), replace(style, weight=0), replace(style, weight=1.0)])
    assert [s.weight for s in shares] == [0.75, 0.25]


@pytest.mark.parametrize(
    "weights", [[0.0], [0.0, 0.0], [2.0, -1.0], [float("nan"), 1.0], [float("inf"), 1.0], []]
)
def test_weights_of_styles_that_mean_nothing(style: Style, weights: list[float]) -> None:
    with pytest.raises(UsageError, match=r"must not be negative, and their sum must be positive"):
        with_shares([replace(style, weight=weight) for weight in weights])


def test_two_styles_lie_between_them(
    photo: Tensor, style: Style, backbone: Backbone, picture: Picture
) -> None:
    """Only the ratio of the weights counts, and each style draws the picture to itself."""
    other = Style(picture("astronaut", 64))
    options = replace(OPTIONS, iterations=6)

    def painting(first: float, second: float) -> Tensor:
        styles = [replace(style, weight=first), replace(other, weight=second)]
        *_, step = paint_steps(photo, styles, backbone, options)
        return step.image

    one, both, two = painting(1, 0), painting(1, 1), painting(0, 1)
    assert torch.equal(painting(7, 7), both)
    assert torch.equal(one, last(photo, style, backbone, options))
    assert (both - one).abs().mean() < (two - one).abs().mean()
    assert (both - two).abs().mean() < (one - two).abs().mean()


def test_hidden_colors_of_a_style_are_not_seen(photo: Tensor, style: Style, backbone: Backbone) -> None:
    """What a file holds where it is transparent must not matter, not even to neighbours."""
    alpha = torch.zeros_like(style.image[:1])
    alpha[:, 10:30, 10:40] = 1.0
    alpha[:, 30:34, 10:40] = 0.5
    black, magenta = (
        Style(style.image.where(alpha > 0, torch.tensor(color).view(3, 1, 1)), 1.0, alpha)
        for color in ((0.0, 0.0, 0.0), (1.0, 0.0, 1.0))
    )
    options = replace(OPTIONS, iterations=4)
    image = last(photo, black, backbone, options)
    assert torch.equal(last(photo, magenta, backbone, options), image)
    assert not torch.equal(last(photo, replace(black, alpha=None), backbone, options), image)


def test_size_too_small_for_the_layers(photo: Tensor, style: Style, backbone: Backbone) -> None:
    options = replace(OPTIONS, scales=(18, 48), style_layers="relu5_1")
    with pytest.raises(UsageError, match=r"18x12 pixels is too small for layer relu5_1, which needs 16x16"):
        list(paint_steps(photo, [style], backbone, options))


def test_layer_that_is_not_there(photo: Tensor, style: Style, backbone: Backbone) -> None:
    with pytest.raises(UsageError, match="no layer relu6_1"):
        list(paint_steps(photo, [style], backbone, replace(OPTIONS, style_layers="relu6_1")))


def test_weights_that_overflow_end_in_words(photo: Tensor, style: Style, backbone: Backbone) -> None:
    with pytest.raises(DivergenceError, match="choose smaller weights"):
        list(paint_steps(photo, [style], backbone, replace(OPTIONS, style_weight=1e39)))

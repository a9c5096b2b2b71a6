"""The training's objective against the painting's, image by image."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from impasto import backbones
from impasto.imaging.color_transfer import color_moments
from impasto.imaging.light import cell_means, replace_light
from impasto.painting.objective import Objective, Style
from impasto.painting.options import PaintOptions
from impasto.perception import Perception
from impasto.training.objective import (
    _PHOTOGRAPHS,
    FLAT,
    PrimingObjective,
    StyleObjective,
    WeightedErrors,
    light_error,
    recolored,
)
from impasto.training.options import AdaptOptions, TrainOptions

Picture = Callable[[str, int], Tensor]
WEIGHTS = {"content_weight": 0.3, "style_weight": 2.0, "tv_weight": 0.7}
ALONE = {"pooled": 0.0, "lattice_weight": 0.0}  # each crop by itself, as in a painting


@pytest.fixture(scope="module")
def photos(picture: Picture) -> Tensor:
    """(3, 3, 32, 32)"""
    return torch.stack([picture(name, 48)[:, :32, :32] for name in ("astronaut", "coffee", "chelsea")])


@pytest.fixture(scope="module")
def painted(photos: Tensor) -> Tensor:
    """Other colors, not in range everywhere."""
    noise = 0.2 * torch.randn(photos.shape, generator=torch.Generator().manual_seed(0))
    return photos.flip(1) * 1.1 + noise


@pytest.fixture(scope="module")
def style(picture: Picture) -> Tensor:
    return picture("immunohistochemistry", 40)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"style_loss": "gram"},
        {"style_loss": "gram", "normalize": False, "content_layers": (("relu2_1", 1.0), ("relu3_1", 0.5))},
        {"style_loss": "moments", "normalize": False, "style_layers": (("relu1_1", 2.0), ("relu4_1", 1.0))},
        {"style_loss": "sliced"},
        {"style_loss": "nearest"},
    ],
    ids=["default", "gram", "raw gram", "raw moments", "sliced", "nearest"],
)
def test_it_is_the_mean_of_what_a_painting_minimises(
    compact_file: Path, photos: Tensor, painted: Tensor, style: Tensor, given: dict[str, Any]
) -> None:
    backbone = backbones.load(compact_file)
    options = TrainOptions(**{**WEIGHTS, **ALONE, **given})
    perception = Perception(
        backbone,
        options.content_layers,
        options.style_layers,
        style_loss=options.style_loss,
        normalize=options.normalize,
    )
    objective = StyleObjective(perception, perception.style_terms(style[None]), options)
    images = painted.clone().requires_grad_()
    total, terms = objective(photos, images)

    singles = [
        Objective(backbone, photo[None], [Style(style)], PaintOptions(**{**WEIGHTS, **given}))
        for photo in photos
    ]
    own = painted.clone().requires_grad_()
    values = [single(image[None]) for single, image in zip(singles, own, strict=True)]
    expected = torch.stack([value for value, _ in values]).mean()
    torch.testing.assert_close(total, expected, rtol=1e-4, atol=1e-6)
    for name in ("style", "content", "tv"):
        mean = torch.stack([of_one[name] for _, of_one in values]).mean()
        torch.testing.assert_close(terms[name], mean, rtol=1e-4, atol=1e-6)

    total.backward()
    expected.backward()
    assert own.grad is not None and images.grad is not None
    assert (images.grad - own.grad).norm() < 1e-3 * own.grad.norm()


def test_raw_weights_are_those_of_pytorch_examples(
    vgg_file: Path, photos: Tensor, painted: Tensor, style: Tensor
) -> None:
    """Its two losses as it has them: F.mse_loss of features, and of Gram matrices over C h w."""
    backbone, layers = backbones.load(vgg_file), ("relu1_2", "relu2_2", "relu3_1")
    options = TrainOptions(
        normalize=False, style_loss="gram", content_weight=1e5, style_weight=1e10, tv_weight=0.0, **ALONE
    )
    perception = Perception(
        backbone,
        (("relu2_2", 1.0),),
        tuple((layer, 1.0) for layer in layers),
        style_loss="gram",
        normalize=False,
    )
    painted = painted.clamp(0, 1)
    total, _ = StyleObjective(perception, perception.style_terms(style[None]), options)(photos, painted)

    def gram(features: Tensor) -> Tensor:
        n, c, h, w = features.shape
        flat = features.reshape(n, c, h * w)
        return flat @ flat.transpose(1, 2) / (c * h * w)

    seen, of_photos, of_style = (backbone(images, layers) for images in (painted, photos, style[None]))
    expected = 1e5 * F.mse_loss(seen["relu2_2"], of_photos["relu2_2"])
    for layer in layers:
        target = gram(of_style[layer])
        expected = expected + 1e10 * F.mse_loss(gram(seen[layer]), target.expand(len(photos), -1, -1))
    torch.testing.assert_close(total, expected, rtol=1e-4, atol=0)


def test_style_is_pooled_over_the_pictures(
    compact_file: Path, photos: Tensor, painted: Tensor, style: Tensor
) -> None:
    """A share of the error is that of one picture that is made of all of them, the rest the mean of each."""
    backbone = backbones.load(compact_file)
    perception = Perception(backbone, style_layers=(("relu1_1", 1.0),), style_loss="gram")
    terms = perception.style_terms(style[None])

    def error(pooled: float) -> float:
        options = TrainOptions(**WEIGHTS, style_loss="gram", pooled=pooled)
        return float(StyleObjective(perception, terms, options)(photos, painted)[1]["style"])

    def gram(image: Tensor) -> Tensor:
        flat = backbone(image[None], ["relu1_1"])["relu1_1"][0].flatten(1).double()
        flat = torch.cat([flat, torch.ones(1, flat.shape[1])])
        taught = backbone.maps["relu1_1"].double() @ flat
        return taught @ taught.T / flat.shape[1]

    target, grams = gram(style), torch.stack([gram(image) for image in painted])
    of_all = float((grams.mean(0) - target).square().sum() / target.square().sum())
    of_each = float(((grams - target).square().sum((1, 2)) / target.square().sum()).mean())
    assert error(1.0) == pytest.approx(of_all, rel=1e-4)
    assert error(0.0) == pytest.approx(of_each, rel=1e-4)
    assert error(0.7) == pytest.approx(0.7 * of_all + 0.3 * of_each, rel=1e-4)
    assert of_all < 0.9 * of_each, "so that the test can tell them apart"


def test_a_crop_in_the_colors_of_a_style(photos: Tensor, style: Tensor) -> None:
    """A symmetric map that turns the crop's covariance, mixed with that of photographs, into the style's."""
    soft, pale = 0.4 + 0.2 * photos, 0.45 + 0.1 * style  # nothing is clipped
    moved = recolored(soft, color_moments(pale))
    target = np.cov(pale.flatten(1).double().numpy(), bias=True)
    for before, after in zip(soft.double(), moved.double(), strict=True):
        pixels, seen = before.flatten(1).numpy(), after.flatten(1).numpy()
        own = np.cov(pixels, bias=True)
        mixed = 0.6 * own + 0.4 * _PHOTOGRAPHS[1].double().numpy()
        matrix = (seen - seen.mean(1, keepdims=True)) @ np.linalg.pinv(pixels - pixels.mean(1, keepdims=True))
        np.testing.assert_allclose(matrix, matrix.T, atol=1e-3)
        np.testing.assert_allclose(matrix @ mixed @ matrix, target, atol=2e-4)
        center = 0.6 * pixels.mean(1) + 0.4 * _PHOTOGRAPHS[0][:, 0].numpy()
        level = matrix @ (pixels.mean(1) - center) + pale.flatten(1).mean(1).numpy()
        np.testing.assert_allclose(seen.mean(1), level, atol=1e-3)


def test_content_is_that_of_the_recolored_photo(compact_file: Path, photos: Tensor, style: Tensor) -> None:
    perception = Perception(backbones.load(compact_file))
    colors = color_moments(style)
    objective = StyleObjective(perception, perception.style_terms(style[None]), TrainOptions(), colors)
    assert objective(photos, recolored(photos, colors))[1]["content"] < 1e-6
    assert objective(photos, photos)[1]["content"] > 0.05
    assert objective(photos, recolored(photos, colors))[1]["light"] < 1e-9


def test_errors_after_light_is_returned(compact_file: Path, photos: Tensor, style: Tensor) -> None:
    """Clouds of cells are forgiven by as much as is returned, but for the light error itself."""
    perception, colors = Perception(backbones.load(compact_file)), color_moments(style)
    wanted = recolored(photos, colors)
    clouds = torch.tensor([[0.2, -0.2], [-0.2, 0.2]])
    cloudy = replace_light(wanted, cell_means(wanted) + clouds, 1.0)

    def errors(returned: float) -> dict[str, Tensor]:
        objective = WeightedErrors(perception, AdaptOptions(), returned)
        return objective(photos, cloudy, lambda features: cloudy.mean(), colors)[1]

    before, half, all_of_it = (errors(share) for share in (0.0, 0.5, 1.0))
    assert before["content"] > 1.5 * half["content"] > 1.5 * all_of_it["content"]
    assert before["light"] == half["light"] > 0


def test_light_is_what_is_left_of_colors_in_squares(photos: Tensor, style: Tensor) -> None:
    """Strokes that leave the mean of a square do not count; clouds do, relative to the style's variance."""
    _, covariance = color_moments(style)
    strokes = torch.tensor([0.1, -0.1]).repeat(16)  # columns
    assert light_error(photos + strokes, photos, covariance).max() < 1e-9
    cloudy = photos.clone()
    cloudy[:, :, :16, :16] += 0.2
    spread = float(style.flatten(1).var(1, correction=0).mean()) + 1e-3
    torch.testing.assert_close(
        light_error(cloudy, photos, covariance), torch.full((len(photos),), 0.04 / 4 / spread)
    )


@pytest.mark.parametrize("photo", [torch.zeros(1, 3, 32, 32), torch.full((1, 3, 32, 32), 0.5)])
def test_a_crop_of_one_color(photo: Tensor, style: Tensor) -> None:
    moved = recolored(photo, color_moments(style))
    assert moved.isfinite().all()
    assert moved.flatten(2).std(2).max() < 1e-5


def test_a_flat_photo_does_not_outweigh_the_others(compact_file: Path, photos: Tensor) -> None:
    """Relative to its own variance, the error of a plain sky would be thousands of times as large."""

    def share_of_sky(flat: float) -> float:
        backbone = backbones.load(compact_file)
        backbone.convolutions["conv1_1"].bias.fill_(0.5)  # type: ignore[operator, union-attr]
        perception = Perception(backbone, (("relu1_1", 1.0),), flat=flat)
        sky = 0.45 + 0.002 * photos[:1]  # the gray that shows no border
        terms = perception.content_terms(torch.cat([sky, photos]))
        seen = perception.features(torch.cat([sky, photos]) + 0.1, {term.layer for term in terms})
        errors = perception.content_error(seen, terms)
        return float(errors[0] / errors[1:].mean())

    assert share_of_sky(1e-6) > 1000
    assert share_of_sky(FLAT) < 40


def test_priming_by_colors(photos: Tensor, painted: Tensor) -> None:
    total, terms = PrimingObjective()(photos, painted)
    torch.testing.assert_close(total, ((painted - photos) ** 2).mean())
    assert terms.keys() == {"pixels"}
    assert PrimingObjective()(photos, photos)[0] == 0


def test_priming_by_features(compact_file: Path, photos: Tensor, painted: Tensor) -> None:
    backbone = backbones.load(compact_file)
    objective = PrimingObjective(Perception(backbone, (("relu1_1", 1.0),)))
    total, terms = objective(photos, painted)
    assert total == pytest.approx(float(terms["content"] + 0.1 * terms["pixels"]))
    assert objective(photos, photos)[0] < 1e-9

    teacher = backbone.maps["relu1_1"][:, :-1]
    seen, target = (
        torch.einsum("ij,njhw->nihw", teacher, backbone(images, ["relu1_1"])["relu1_1"])
        for images in (painted, photos)
    )
    errors = (seen - target).square().mean((1, 2, 3)) / target.var((2, 3), unbiased=False).mean(1)
    torch.testing.assert_close(terms["content"], errors.mean(), rtol=1e-4, atol=0)

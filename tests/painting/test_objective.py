"""The objective against the same sum written out in float64, with VGG's convolutions one by one."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from impasto import backbones
from impasto.backbones import Backbone
from impasto.errors import UsageError
from impasto.options import parse_layers
from impasto.painting.objective import Objective, Style
from impasto.painting.options import PaintOptions
from impasto.perception import Perception, resolve_layers
from impasto.weights import load_tensors

Picture = Callable[[str, int], Tensor]
Features = dict[str, Tensor]

CONVOLUTIONS = ((0, "1_1"), (2, "1_2"), (5, "2_1"), (7, "2_2"), (10, "3_1"))
STYLE_LAYERS = (("relu1_1", 1.0), ("conv2_1", 0.5), ("relu2_1", 2.0))
CONTENT_LAYERS = (("relu2_2", 1.0), ("relu1_2", 3.0))
OPTIONS = PaintOptions(
    style_loss="gram", style_layers=STYLE_LAYERS, content_layers=CONTENT_LAYERS, tv_weight=0.3
)


@pytest.fixture(scope="module")
def backbone(vgg_file: Path) -> Backbone:
    return backbones.load(vgg_file)


@pytest.fixture(scope="module")
def network(vgg_file: Path) -> Callable[[Tensor], Features]:
    """Features in float64 of (1, 3, H, W)."""
    tensors = {name: tensor.double() for name, tensor in load_tensors(vgg_file).items()}

    def features(image: Tensor) -> Features:
        mean = torch.tensor((0.485, 0.456, 0.406), dtype=torch.float64).view(3, 1, 1)
        deviation = torch.tensor((0.229, 0.224, 0.225), dtype=torch.float64).view(3, 1, 1)
        x, found = (image.double() - mean) / deviation, {}
        for index, name in CONVOLUTIONS:
            if name in ("2_1", "3_1"):
                x = F.max_pool2d(x, 2)
            x = F.conv2d(x, tensors[f"features.{index}.weight"], tensors[f"features.{index}.bias"], padding=1)
            found[f"conv{name}"], x = x, x.clamp(min=0)
            found[f"relu{name}"] = x
        return found

    return features


@pytest.fixture(scope="module")
def photo(picture: Picture) -> Tensor:
    return picture("astronaut", 24)[None]


@pytest.fixture(scope="module")
def image(photo: Tensor) -> Tensor:
    """A painting in the making, not in range everywhere."""
    return photo + 0.15 * torch.randn(photo.shape, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def styles(picture: Picture) -> list[Style]:
    return [Style(picture("coffee", 32), 0.75), Style(picture("chelsea", 28), 0.25)]


def gram_and_mean(f: Tensor, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """(C, C) and (C,), averaged over the pixels."""
    flat = f[0].flatten(1)
    share = torch.ones(flat.shape[1], dtype=torch.float64) if weight is None else weight.flatten()
    share = share / share.sum()
    return flat * share @ flat.T, flat @ share


def gram_term(f: Tensor, target: Tensor, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Error, and what it is relative to."""
    gram, goal = gram_and_mean(f)[0], gram_and_mean(target, weight)[0]
    return (gram - goal).square().sum(), goal.square().sum()


# moments count more, so that a photo is as far from a style by them as by Gram matrices
BALANCE = {"gram": 1.0, "moments": 1.5}


def moments_term(f: Tensor, target: Tensor, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
    (gram, mean), (goal, mean_s) = gram_and_mean(f), gram_and_mean(target, weight)
    covariance, covariance_s = gram - torch.outer(mean, mean), goal - torch.outer(mean_s, mean_s)
    # tr (S_s^1/2 S S_s^1/2)^1/2 is the sum of the roots of the eigenvalues of S S_s
    overlap = torch.linalg.eigvals(covariance @ covariance_s).real.clamp(min=0).sqrt().sum()
    distance = (mean - mean_s).square().sum() + covariance.trace() + covariance_s.trace() - 2 * overlap
    return distance, goal.trace()


def written_out(
    network: Callable[[Tensor], Features],
    image: Tensor,
    photo: Tensor,
    styles: list[Style],
    options: PaintOptions,
) -> dict[str, Tensor]:
    """The terms, and their weighted sum as `total`, with a penalty for values that cannot be shown."""
    x = image.double()
    seen, original = network(x), network(photo)
    term = gram_term if options.style_loss == "gram" else moments_term
    style = content = torch.zeros((), dtype=torch.float64)
    style_layers, content_layers = options.style_layers or (), options.content_layers or ()
    for picture in styles:
        looks = network(picture.image[None])
        for layer, weight in style_layers:
            error, norm = term(seen[layer], looks[layer])
            relative = BALANCE[options.style_loss] * error / norm / sum(w for _, w in style_layers)
            raw = error / seen[layer].shape[1] ** (4 if options.style_loss == "gram" else 1)
            style = style + picture.weight * weight * (relative if options.normalize else raw)
    for layer, weight in content_layers:
        error = (seen[layer] - original[layer]).square().mean()
        variance = original[layer].var((2, 3), correction=0).mean()
        relative = error / variance / sum(w for _, w in content_layers)
        content = content + weight * (relative if options.normalize else error)
    tv = (x[..., 1:] - x[..., :-1]).square().mean() + (x[..., 1:, :] - x[..., :-1, :]).square().mean()
    outside = (x - x.clamp(0, 1)).square().mean()
    content_weight, style_weight, tv_weight = options.weights
    total = style_weight * style + content_weight * content + tv_weight * tv + 10 * outside
    return {"style": style, "content": content, "tv": tv, "total": total}


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize(("style_loss", "tolerance"), [("gram", 1e-4), ("moments", 1e-2)])
def test_value_and_terms(
    backbone: Backbone,
    network: Callable[[Tensor], Features],
    image: Tensor,
    photo: Tensor,
    styles: list[Style],
    normalize: bool,
    style_loss: str,
    tolerance: float,
) -> None:
    options = replace(OPTIONS, style_loss=style_loss, normalize=normalize)  # type: ignore[arg-type]
    total, terms = Objective(backbone, photo, styles, options)(image)
    expected = written_out(network, image, photo, styles, options)
    assert total.item() == pytest.approx(expected["total"].item(), rel=tolerance)
    assert set(terms) == {"style", "content", "tv"}
    for name, value in terms.items():
        assert value.item() == pytest.approx(expected[name].item(), rel=tolerance), name


@pytest.mark.parametrize("style_loss", ["gram", "moments"])
def test_gradient_against_finite_differences(
    backbone: Backbone,
    network: Callable[[Tensor], Features],
    image: Tensor,
    photo: Tensor,
    styles: list[Style],
    style_loss: str,
) -> None:
    """Slopes in a few directions, as central differences of the sum in float64 have them."""
    options = replace(OPTIONS, style_loss=style_loss)  # type: ignore[arg-type]
    x = image.clone().requires_grad_()
    total, _ = Objective(backbone, photo, styles, options)(x)
    (gradient,) = torch.autograd.grad(total, x)
    dice = torch.Generator().manual_seed(8)
    for direction in (gradient, torch.randn(x.shape, generator=dice), torch.randn(x.shape, generator=dice)):
        step = 1e-6 * direction.double() / direction.norm()
        ends = (
            written_out(network, image.double() + s * step, photo, styles, options)["total"] for s in (1, -1)
        )
        slope = (next(ends) - next(ends)) / 2e-6
        expected = (gradient * direction).sum() / direction.norm()
        assert expected.item() == pytest.approx(slope.item(), rel=1e-2, abs=1e-3 * gradient.norm().item())


def test_maps_stand_for_features_in_the_teachers_channels(
    compact_file: Path, image: Tensor, photo: Tensor, styles: list[Style]
) -> None:
    """The small matrices give what mapping every pixel would."""
    compact = backbones.load(compact_file)
    layers = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")

    def mapped(x: Tensor) -> Features:
        features = compact(x.float(), layers)
        return {
            layer: F.conv2d(f, compact.maps[layer][:, :-1, None, None], compact.maps[layer][:, -1]).double()
            for layer, f in features.items()
        }

    for normalize in (True, False):
        options = PaintOptions(normalize=normalize, style_loss="gram")
        _, terms = Objective(compact, photo, styles, options)(image)
        named = tuple((layer, 1.0) for layer in layers)
        told = replace(options, style_layers=named, content_layers=(("relu3_1", 1.0), ("relu4_1", 1.0)))
        expected = written_out(mapped, image, photo, styles, told)
        for name in ("style", "content"):
            assert terms[name].item() == pytest.approx(expected[name].item(), rel=1e-3), name


def test_moments_through_maps(compact_file: Path, image: Tensor, photo: Tensor, styles: list[Style]) -> None:
    compact = backbones.load(compact_file)
    a = compact.maps["relu2_1"]
    options = PaintOptions(style_loss="moments", style_layers=(("relu2_1", 1.0),))
    _, terms = Objective(compact, photo, styles[:1], options)(image)
    seen, looks = (
        F.conv2d(compact(x, ["relu2_1"])["relu2_1"], a[:, :-1, None, None], a[:, -1]).double()
        for x in (image, styles[0].image[None])
    )
    distance, norm = moments_term(seen, looks)
    assert terms["style"].item() == pytest.approx(0.75 * 1.5 * (distance / norm).item(), rel=1e-2)


def test_mask_weighs_the_pixels_of_a_style(
    backbone: Backbone,
    network: Callable[[Tensor], Features],
    image: Tensor,
    photo: Tensor,
    styles: list[Style],
) -> None:
    """At each layer, a pixel counts as much as the area it stands for is opaque."""
    style = styles[0].image[:, :20]
    alpha = torch.rand(1, *style.shape[1:], generator=torch.Generator().manual_seed(2))
    layers = (("relu1_1", 1.0), ("relu2_1", 1.0))
    options = PaintOptions(style_layers=layers, style_loss="gram", content_weight=0)
    _, terms = Objective(backbone, photo, [Style(style, 1.0, alpha)], options)(image)
    seen, looks = network(image), network(style[None])
    expected = 0.0
    for layer, weight in (("relu1_1", alpha.double()), ("relu2_1", F.avg_pool2d(alpha.double(), 2))):
        error, norm = gram_term(seen[layer], looks[layer], weight)
        expected += (error / norm).item() / 2
    assert terms["style"].item() == pytest.approx(expected, rel=1e-4)


def test_styles_hold_in_their_regions(
    backbone: Backbone,
    network: Callable[[Tensor], Features],
    image: Tensor,
    photo: Tensor,
    styles: list[Style],
) -> None:
    """Gram matrices of the picture weighted by each region's mask at each layer, counted by areas."""
    dice = torch.Generator().manual_seed(3)
    masks = [torch.rand(1, *photo.shape[2:], generator=dice), torch.zeros(1, *photo.shape[2:])]
    masks[1][:, 5:17, 4:20] = 1
    layers = (("relu1_1", 1.0), ("relu2_1", 1.0))
    options = PaintOptions(style_layers=layers, style_loss="gram", content_weight=0)
    placed = [replace(styles[0], weight=1.0), replace(styles[1], weight=1.0, region=1)]
    _, terms = Objective(backbone, photo, placed, options, regions=masks)(image)
    seen, expected = network(image), 0.0
    for mask, style in zip(masks, placed, strict=True):
        looks = network(style.image[None])
        for layer, weight in (("relu1_1", mask.double()), ("relu2_1", F.avg_pool2d(mask.double(), 2))):
            gram, goal = gram_and_mean(seen[layer], weight)[0], gram_and_mean(looks[layer])[0]
            relative = (gram - goal).square().sum() / goal.square().sum()
            expected += mask.mean().item() * relative.item() / 2
    assert terms["style"].item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("style_loss", ["gram", "moments", "sliced", "nearest"])
def test_a_region_of_all_is_no_region(
    backbone: Backbone, image: Tensor, photo: Tensor, styles: list[Style], style_loss: str
) -> None:
    options = PaintOptions(style_loss=style_loss)  # type: ignore[arg-type]
    everywhere = [torch.ones(1, *photo.shape[2:])]
    total, terms = Objective(backbone, photo, styles, options)(image)
    masked, seen = Objective(backbone, photo, styles, options, regions=everywhere)(image)
    assert masked.item() == pytest.approx(total.item(), rel=1e-4)
    assert seen["style"].item() == pytest.approx(terms["style"].item(), rel=1e-4)


@pytest.mark.parametrize("style_loss", ["gram", "moments", "sliced", "nearest"])
def test_what_is_outside_a_region_has_no_style(
    backbone: Backbone, image: Tensor, photo: Tensor, styles: list[Style], style_loss: str
) -> None:
    """But for the surroundings that features at its edge see."""
    mask = torch.zeros(1, *photo.shape[2:])
    mask[:, :, :8] = 1
    options = PaintOptions(style_loss=style_loss, content_weight=0, tv_weight=0)  # type: ignore[arg-type]
    inside = image.clamp(0, 1).requires_grad_()
    total, _ = Objective(backbone, photo, styles[:1], options, regions=[mask])(inside)
    (gradient,) = torch.autograd.grad(total, inside)
    assert gradient[..., :8].norm() > 0
    assert gradient[..., 20:].abs().max() == 0


def test_a_region_that_is_nowhere_changes_nothing(
    backbone: Backbone, image: Tensor, photo: Tensor, styles: list[Style]
) -> None:
    mask = torch.rand(1, *photo.shape[2:], generator=torch.Generator().manual_seed(3))
    options = PaintOptions()
    placed = [styles[0], replace(styles[1], region=1)]
    one, _ = Objective(backbone, photo, placed, options, regions=[mask, torch.zeros_like(mask)])(image)
    other, _ = Objective(backbone, photo, styles[:1], options, regions=[mask])(image)
    assert one.item() == other.item()


def test_transparent_pixels_do_not_count(
    backbone: Backbone, picture: Picture, image: Tensor, photo: Tensor, styles: list[Style]
) -> None:
    """A style beside a transparent field is that style, but for the edge at which the two meet."""
    style = picture("coffee", 64)
    both = torch.cat([style, style.mean((1, 2), keepdim=True).expand_as(style)], 2)
    alpha = torch.cat([torch.ones_like(style[:1]), torch.zeros_like(style[:1])], 2)
    options = PaintOptions(style_layers=(("relu1_1", 1.0), ("relu2_1", 1.0)))

    def style_term(seen: Style) -> float:
        return Objective(backbone, photo, [seen], options)(image)[1]["style"].item()

    alone = style_term(Style(style))
    masked, unmasked = style_term(Style(both, 1.0, alpha)), style_term(Style(both))
    assert masked == pytest.approx(alone, rel=0.1)
    assert abs(unmasked - alone) > 3 * abs(masked - alone)


def test_layers_and_terms_of_weight_zero_cost_nothing(
    backbone: Backbone, image: Tensor, photo: Tensor, styles: list[Style]
) -> None:
    ran: list[str] = []
    hooks = [
        layer.register_forward_hook(lambda *_, name=name: ran.append(name))
        for name, layer in backbone.convolutions.items()
    ]
    shallow_style = replace(OPTIONS, style_layers=(("relu1_1", 1.0),), content_layers=(("relu2_1", 1.0),))
    cases = {
        (0.0, 1.0): (["conv1_1"], {"tv", "style"}),
        (1.0, 0.0): (["conv1_1", "conv1_2", "conv2_1"], {"tv", "content"}),
        (1.0, 1.0): (["conv1_1", "conv1_2", "conv2_1"], {"tv", "content", "style"}),
        (0.0, 0.0): ([], {"tv"}),
    }
    for (content_weight, style_weight), (layers, names) in cases.items():
        options = replace(shallow_style, content_weight=content_weight, style_weight=style_weight)
        objective = Objective(backbone, photo, styles, options)
        ran.clear()
        _, terms = objective(image)
        assert ran == layers
        assert set(terms) == names
    for hook in hooks:
        hook.remove()


def test_targets_are_encoded_once(
    backbone: Backbone, image: Tensor, photo: Tensor, styles: list[Style]
) -> None:
    seen: list[torch.Size] = []
    hook = backbone.convolutions["conv1_1"].register_forward_hook(lambda _, x, y: seen.append(x[0].shape[2:]))
    objective = Objective(backbone, photo, styles, OPTIONS)
    assert len(seen) == 3
    objective(image)
    objective(image)
    hook.remove()
    assert seen[3:] == [image.shape[2:]] * 2


def test_strength_at_its_ends(
    backbone: Backbone, image: Tensor, photo: Tensor, styles: list[Style], picture: Picture
) -> None:
    """At 0 the photo is the minimum; at 1 the photo does not matter."""
    at_0 = Objective(backbone, photo, styles, PaintOptions(strength=0.0))
    assert at_0(photo)[0].item() == pytest.approx(0, abs=1e-9)
    assert at_0(image)[0].item() > 0.01
    at_1 = Objective(backbone, photo, styles, PaintOptions(strength=1.0))
    elsewhere = Objective(backbone, picture("chelsea", 24)[None], styles, PaintOptions(strength=1.0))
    assert at_1(image)[0].item() == elsewhere(image)[0].item()


@pytest.mark.parametrize(
    ("style_loss", "nearly_nothing"), [("gram", 1e-9), ("moments", 1e-3), ("sliced", 1e-9), ("nearest", 1e-3)]
)
def test_a_picture_has_its_own_style(
    backbone: Backbone, styles: list[Style], photo: Tensor, style_loss: str, nearly_nothing: float
) -> None:
    options = PaintOptions(style_loss=style_loss, content_weight=0)  # type: ignore[arg-type]
    objective = Objective(backbone, photo, styles[:1], options)
    assert objective(styles[0].image[None])[1]["style"].item() == pytest.approx(0, abs=nearly_nothing)
    assert objective(photo)[1]["style"].item() > 0.02


def test_bfloat16_is_near(backbone: Backbone, image: Tensor, photo: Tensor, styles: list[Style]) -> None:
    exact, _ = Objective(backbone, photo, styles, OPTIONS)(image)
    rough, terms = Objective(backbone, photo, styles, OPTIONS, torch.bfloat16)(image)
    assert rough.dtype == torch.float32
    assert {value.dtype for value in terms.values()} == {torch.float32}
    assert rough.item() == pytest.approx(exact.item(), rel=0.03)
    assert rough.item() != exact.item()


def test_usual_layers_are_those_that_the_backbone_has(
    backbone: Backbone, compact_file: Path, vgg_file: Path
) -> None:
    content, style = resolve_layers(backbones.load(compact_file), None, None)
    assert content == (("relu3_1", 1.0), ("relu4_1", 1.0))
    assert [name for name, _ in style] == [f"relu{block}_1" for block in range(1, 6)]
    content, style = resolve_layers(backbone, None, None)
    assert content == (("relu3_1", 1.0),)
    assert [name for name, _ in style] == ["relu1_1", "relu2_1", "relu3_1"]


def test_layers_that_the_backbone_has_not(backbone: Backbone) -> None:
    for option in ("content_layers", "style_layers"):
        with pytest.raises(
            UsageError, match=r"ends at relu3_1 and has no layer relu4_1: choose among conv1_1"
        ):
            Perception(backbone, **{option: parse_layers("relu1_1,relu4_1")})


def test_backbone_without_any_of_the_usual_layers(backbone: Backbone) -> None:
    class Blind(Backbone):
        def __init__(self) -> None:
            super().__init__("blind", ["conv1_1"], "max")

    with pytest.raises(UsageError, match=r"blind has none of the usual layers: name some of conv1_1"):
        resolve_layers(Blind(), None, None)

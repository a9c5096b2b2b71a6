"""Style losses through maps against features that were mapped one by one, and how much each counts."""

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from torch import Tensor

from impasto import backbones, losses
from impasto.backbones import Backbone
from impasto.options import StyleLoss
from impasto.perception import COMPARISONS, Nearest, Perception, Sliced

Picture = Callable[[str, int], Tensor]
LAYER = "relu2_1"


@pytest.fixture(scope="module")
def backbone(compact_file: Path) -> Backbone:
    return backbones.load(compact_file)


@pytest.fixture(scope="module")
def photo(picture: Picture) -> Tensor:
    return picture("astronaut", 48)[None]


@pytest.fixture(scope="module")
def style(picture: Picture) -> Tensor:
    return picture("coffee", 64)[None]


def mapped(backbone: Backbone, image: Tensor) -> Tensor:
    """Features in the teacher's channels, (1, D, P), float64."""
    features, a = backbone(image, [LAYER])[LAYER].double(), backbone.maps[LAYER].double()
    return a[:, :-1] @ features.flatten(2) + a[:, -1:]


def style_error(backbone: Backbone, kind: StyleLoss, photo: Tensor, style: Tensor) -> float:
    perception = Perception(backbone, style_layers=((LAYER, 1.0),), style_loss=kind)
    terms = perception.style_terms(style)
    return perception.style_error(perception.features(photo, [LAYER]), terms).item()


def test_every_style_loss_has_a_comparison() -> None:
    assert set(COMPARISONS) == set(get_args(StyleLoss))


def test_sliced_sees_the_teachers_channels(backbone: Backbone, photo: Tensor, style: Tensor) -> None:
    """Along the principal axes of the style's mapped features; those of no variance do not matter."""
    one, other = mapped(backbone, photo), mapped(backbone, style)
    axes = np.linalg.eigh(np.cov(other[0].numpy(), bias=True))[1]
    seen, goal = (np.sort(axes.T @ f[0].numpy(), axis=1) for f in (one, other))
    places, given = ((np.arange(f.shape[1]) + 0.5) / f.shape[1] for f in (seen, goal))
    goal = np.stack([np.interp(places, given, line) for line in goal])
    expected = ((seen - goal) ** 2).mean(1).sum() / other.square().sum(1).mean().item()
    assert style_error(backbone, "sliced", photo, style) == pytest.approx(Sliced.balance * expected, rel=0.02)


def test_nearest_sees_the_teachers_channels(backbone: Backbone, photo: Tensor, style: Tensor) -> None:
    one, other = mapped(backbone, photo), mapped(backbone, style)
    matched = losses.nearest_error(one, other).item()
    seen, goal = (losses.second_moments(f.unsqueeze(3)) for f in (one, other))
    moments = (losses.wasserstein_error(seen, goal) / losses.wasserstein_norm(goal)).item()
    expected = Nearest.balance * (matched + 0.5 * moments)
    assert style_error(backbone, "nearest", photo, style) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("kind", get_args(StyleLoss))
def test_a_picture_is_in_its_own_style(backbone: Backbone, photo: Tensor, kind: StyleLoss) -> None:
    assert style_error(backbone, kind, photo, photo) == pytest.approx(0, abs=2e-3)


def test_strength_means_much_the_same_with_all_of_them(photo: Tensor, style: Tensor) -> None:
    """A photo's relative error, with the features that painting sees."""
    compact = backbones.load("compact")
    errors = [style_error(compact, kind, photo, style) for kind in get_args(StyleLoss)]
    assert max(errors) < 4 * min(errors)


@pytest.mark.parametrize("kind", ["sliced", "nearest"])
def test_positions_that_are_mostly_transparent_are_left_out(
    backbone: Backbone, photo: Tensor, style: Tensor, kind: StyleLoss
) -> None:
    features = backbone(style, [LAYER])[LAYER]
    weight = torch.zeros_like(features[:, :1])
    weight[..., 4:9, 3:17] = 0.6
    weight[..., 9:12, 3:17] = 0.2
    seen = COMPARISONS[kind].statistic(features, weight)
    torch.testing.assert_close(seen, features[..., 4:9, 3:17].flatten(2))


def test_of_a_large_style_a_sample_is_seen_always_the_same(
    monkeypatch: pytest.MonkeyPatch, backbone: Backbone, photo: Tensor, style: Tensor
) -> None:
    kinds: list[StyleLoss] = ["sliced", "nearest"]
    all_of_it = [style_error(backbone, kind, photo, style) for kind in kinds]
    for limit in ("_MOST_QUANTILES", "_LEAST_NEIGHBORS"):
        monkeypatch.setattr(f"impasto.perception.{limit}", 200)
    monkeypatch.setattr("impasto.perception._MOST_PAIRS", 1)
    sampled = [style_error(backbone, kind, photo, style) for kind in kinds]
    assert sampled == [style_error(backbone, kind, photo, style) for kind in kinds]
    assert sampled != all_of_it
    assert sampled == pytest.approx(all_of_it, rel=0.25)

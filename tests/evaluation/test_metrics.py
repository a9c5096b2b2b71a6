"""Each number against numpy in float64, from the teacher's channels position by position."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto import backbones
from impasto.errors import UsageError
from impasto.evaluation import pictures
from impasto.evaluation.metrics import StyleMetrics
from impasto.imaging.color_transfer import match_colors
from impasto.painting.objective import Objective, Style
from impasto.painting.options import PaintOptions
from tests.conftest import Picture

Floats = NDArray[np.float64]
STYLE_LAYERS = [f"relu{block}_1" for block in range(1, 6)]
CONTENT_LAYERS = ["relu3_1", "relu4_1"]


def seen(image: Tensor) -> dict[str, Floats]:
    """The teacher's channels at every position, (P, D)."""
    network = backbones.load("compact").double()
    with torch.no_grad():
        features = network(image.double(), STYLE_LAYERS)
    mapped = {}
    for layer, f in features.items():
        a = network.maps[layer].double().numpy()
        flat = f[0].flatten(1).numpy().T
        mapped[layer] = flat @ a[:, :-1].T + a[:, -1]
    return mapped


def gram(picture: Floats, style: Floats) -> float:
    ours, theirs = (f.T @ f / len(f) for f in (picture, style))
    return float(((ours - theirs) ** 2).sum() / (theirs**2).sum())


def moments(picture: Floats, style: Floats) -> float:
    (m, s), (m_s, s_s) = ((f.mean(0), np.cov(f.T, bias=True)) for f in (picture, style))
    values, vectors = np.linalg.eigh(s_s)
    root = vectors * np.sqrt(values.clip(0)) @ vectors.T
    overlap = np.sqrt(np.linalg.eigvalsh(root @ s @ root).clip(0)).sum()
    distance = ((m - m_s) ** 2).sum() + np.trace(s) + np.trace(s_s) - 2 * overlap
    return float(distance / ((m_s**2).sum() + np.trace(s_s)))


def content(picture: Floats, photo: Floats) -> float:
    return float(((picture - photo) ** 2).mean() / photo.var(0).mean())


@pytest.fixture
def trio(picture: Picture) -> tuple[Tensor, Tensor, Tensor]:
    """A picture, its photo, a style."""
    photo, style = picture("astronaut", 80)[None], picture("coffee", 72)[None]
    return match_colors(photo, style).flip(3), photo, style


def test_numbers_are_the_formulas(style_metrics: StyleMetrics, trio: tuple[Tensor, Tensor, Tensor]) -> None:
    result = style_metrics.measure(trio[0], style_metrics.photo(trio[1]), style_metrics.style(trio[2]))
    picture, photo, style = map(seen, trio)
    assert result == {
        "gram": pytest.approx(np.mean([gram(picture[k], style[k]) for k in STYLE_LAYERS]), rel=1e-3),
        "moments": pytest.approx(np.mean([moments(picture[k], style[k]) for k in STYLE_LAYERS]), rel=1e-3),
        "content": pytest.approx(np.mean([content(picture[k], photo[k]) for k in CONTENT_LAYERS]), rel=1e-3),
    }
    assert 0.01 < result["moments"] < 1 < result["content"]


def test_targets_are_at_zero(style_metrics: StyleMetrics, trio: tuple[Tensor, Tensor, Tensor]) -> None:
    _, image, painting = trio
    photo, style = style_metrics.photo(image), style_metrics.style(painting)
    untouched = style_metrics.measure(image, photo, style)
    assert untouched["content"] == 0 < untouched["moments"]
    assert style_metrics.measure(image.clone(), photo, style) == pytest.approx(untouched, abs=1e-9)
    itself = style_metrics.measure(painting, style_metrics.photo(painting), style)
    assert itself == pytest.approx({"gram": 0, "moments": 0, "content": 0}, abs=1e-6)


def test_controls_stand_where_they_should(
    style_metrics: StyleMetrics, trio: tuple[Tensor, Tensor, Tensor]
) -> None:
    """The photo keeps all content, the style nearly all style; colors alone are somewhere between."""
    _, image, painting = trio
    photo, style = style_metrics.photo(image), style_metrics.style(painting)
    numbers = {
        name: style_metrics.measure(pictures.control(name, image, painting), photo, style)
        for name in pictures.CONTROLS
    }
    for kind in ("gram", "moments"):
        assert numbers["style"][kind] < numbers["colors"][kind] < numbers["photo"][kind]
    assert numbers["photo"]["content"] == 0 < numbers["colors"]["content"] < numbers["style"]["content"]


def test_painting_minimises_this(style_metrics: StyleMetrics, trio: tuple[Tensor, Tensor, Tensor]) -> None:
    """The errors of painting are these, but for the factor 1.5 of its moments."""
    picture, photo, style = trio
    backbone = backbones.load("compact")
    for loss, factor in (("moments", 1.5), ("gram", 1.0)):
        options = PaintOptions(style_loss=loss, precision="float32")  # type: ignore[arg-type]
        with torch.no_grad():
            _, losses = Objective(backbone, photo, [Style(style[0])], options)(picture)
        ours = style_metrics.measure(picture, style_metrics.photo(photo), style_metrics.style(style))
        assert float(losses["style"]) == pytest.approx(factor * ours[loss], rel=2e-3)
        assert float(losses["content"]) == pytest.approx(ours["content"], rel=1e-3)


def test_other_likenesses_stand_beside(trio: tuple[Tensor, Tensor, Tensor]) -> None:
    def mean(picture: Tensor, photo: Tensor) -> float:
        return float((picture - photo).abs().mean())

    style_metrics = StyleMetrics(backbones.load("compact"), {"mean": mean})
    assert style_metrics.metrics == ("gram", "moments", "content", "mean")
    numbers = style_metrics.measure(trio[0], style_metrics.photo(trio[1]), style_metrics.style(trio[2]))
    assert numbers["mean"] == mean(trio[0], trio[1]) > 0


def test_another_backbone_has_another_identity(style_metrics: StyleMetrics, compact_file: Path) -> None:
    other = StyleMetrics(backbones.load(str(compact_file)))
    assert other.identity != style_metrics.identity == StyleMetrics(backbones.load("compact")).identity


def test_a_picture_too_small_for_the_backbone(style_metrics: StyleMetrics) -> None:
    with pytest.raises(UsageError, match=r"too small for layer relu5_1"):
        style_metrics.photo(torch.rand(1, 3, 64, 12))

"""The three methods on real pictures: closer to the reference, smooth, exact where nothing is to be done."""

import pytest
import torch

from impasto.grading.methods import make_lut, sample_colors
from impasto.grading.options import GradeOptions
from impasto.imaging.color_transfer import color_moments, to_oklab
from impasto.imaging.sources import Planes


@pytest.fixture(scope="module")
def colors(picture):
    return {name: sample_colors(Planes(picture(name, 128))) for name in ("coffee", "astronaut", "rocket")}


def distance(one, other):
    """Mean sliced Wasserstein distance in Oklab, along directions that transport does not know."""
    axes = torch.nn.functional.normalize(
        torch.randn(32, 3, generator=torch.Generator().manual_seed(9)), dim=1
    )
    ordered = [(axes @ to_oklab(part)[:, 0]).sort().values for part in (one, other)]
    return float((ordered[0] - ordered[1]).abs().mean())


def graded(colors, method, photo="coffee", reference="astronaut", **options):
    lut = make_lut(colors[photo], colors[reference], GradeOptions(method=method, lut_size=17, **options))
    return lut, lut(colors[photo])


def test_transport_comes_closest(colors):
    left = {
        method: distance(graded(colors, method)[1], colors["astronaut"])
        for method in ("transport", "linear", "reinhard")
    }
    before = distance(colors["coffee"], colors["astronaut"])
    assert left["transport"] < 0.8 * left["linear"]
    assert left["linear"] < 0.7 * before
    assert left["reinhard"] < before


@pytest.mark.parametrize("method", ["transport", "linear", "reinhard"])
def test_a_photo_in_its_own_colors_stays(colors, method):
    lut, _ = graded(colors, method, "astronaut", "astronaut")
    assert (lut(colors["astronaut"]) - colors["astronaut"]).abs().max() < 0.03


def test_linear_gives_mean_and_covariance(colors):
    _, made = graded(colors, "linear", "astronaut", "coffee")
    assert torch.allclose(color_moments(made)[0], color_moments(colors["coffee"])[0], atol=0.03)


def test_transport_is_smooth_where_colors_are(colors):
    """Along a gradient of the photo's grays, a step is never many times as large as the photo's."""
    lut, _ = graded(colors, "transport")
    ramp = torch.linspace(0, 1, 256).expand(3, 1, 256)
    steps = lut(ramp).diff(dim=-1) * 255
    assert steps.abs().max() < 6
    assert steps.diff(dim=-1).abs().max() < 4


def test_the_same_each_time(colors):
    assert torch.equal(graded(colors, "transport")[0].table, graded(colors, "transport")[0].table)


def test_flat_photos_are_no_failure(colors):
    flat = {"flat": torch.full((3, 1, 12_000), 0.5), **colors}
    lut, made = graded(flat, "transport", "flat", "astronaut")
    assert lut.table.isfinite().all()
    assert made.std() < 0.2


def test_hidden_colors_have_no_influence(picture):
    image = picture("coffee", 64)
    alpha = torch.ones(1, *image.shape[1:])
    alpha[:, :20] = 0
    hidden = image.clone()
    hidden[:, :18] = 0
    seen = [sample_colors(Planes(torch.cat([part, alpha]))) for part in (image, hidden)]
    assert torch.equal(*seen)
    assert sample_colors(Planes(torch.cat([image, 0 * alpha]))).shape == (3, 1, 12_000)

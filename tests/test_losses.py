"""Every formula against NumPy in float64, gradients against finite differences, and degenerate cases."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.linalg import sqrtm
from torch import Tensor

from impasto.losses import (
    content_error,
    gram_error,
    gram_norm,
    lattice,
    nearest_error,
    out_of_range,
    principal_axes,
    second_moments,
    sliced_error,
    spatial_variance,
    total_variation,
    wasserstein_error,
    wasserstein_norm,
)

Array = NDArray[np.float64]
Picture = Callable[[str, int], Tensor]


def random_features(seed: int, count: int = 2, channels: int = 5, height: int = 6, width: int = 7) -> Tensor:
    """(N, C, h, w) of correlated, positive and zero values, as after a ReLU."""
    dice = torch.Generator().manual_seed(seed)
    mixing = torch.randn(channels, channels, generator=dice)
    values = torch.randn(count, channels, height, width, generator=dice)
    return (torch.einsum("dc,nchw->ndhw", mixing, values) + 0.3).clamp(min=0)


def columns(features: Tensor) -> list[Array]:
    """For each picture the features by pixel, (C, hw), in float64."""
    return [f.double().flatten(1).numpy() for f in features]


def gaussian(features: Array) -> tuple[Array, Array]:
    """Mean and covariance over the pixels."""
    return features.mean(1), np.cov(features, bias=True)


def distance(one: Array, other: Array) -> float:
    """Squared Wasserstein distance of the Gaussians of two (C, hw), by matrix square roots."""
    (mean, covariance), (mean_s, covariance_s) = gaussian(one), gaussian(other)
    root = sqrtm(covariance_s)
    overlap = np.trace(sqrtm(root @ covariance @ root)).real
    return float(((mean - mean_s) ** 2).sum() + np.trace(covariance) + np.trace(covariance_s) - 2 * overlap)


def moments_of(mean: list[float], covariance: list[list[float]]) -> Tensor:
    """Second moments of a Gaussian, (1, C + 1, C + 1), float64."""
    m, s = torch.tensor([mean], dtype=torch.float64), torch.tensor([covariance], dtype=torch.float64)
    gram = s + m.unsqueeze(2) * m.unsqueeze(1)
    top = torch.cat([gram, m.unsqueeze(2)], 2)
    return torch.cat([top, torch.nn.functional.pad(m, (0, 1), value=1.0).unsqueeze(1)], 1)


def diagonal(*values: float) -> list[list[float]]:
    return torch.diag(torch.tensor(values)).tolist()


def test_second_moments() -> None:
    features = random_features(0)
    moments = second_moments(features)
    assert moments.dtype == torch.float32
    for found, f in zip(moments, columns(features), strict=True):
        extended = np.vstack([f, np.ones(f.shape[1])])
        np.testing.assert_allclose(found, extended @ extended.T / f.shape[1], rtol=1e-5, atol=1e-6)


def test_second_moments_weighted() -> None:
    features = random_features(0)
    weight = torch.rand(2, 1, 6, 7, generator=torch.Generator().manual_seed(1)) * 3
    moments = second_moments(features, weight)
    for found, f, w in zip(moments, columns(features), columns(weight), strict=True):
        extended = np.vstack([f, np.ones(f.shape[1])])
        np.testing.assert_allclose(found, extended * w @ extended.T / w.sum(), rtol=1e-5, atol=1e-6)


def test_pixels_of_weight_zero_do_not_count() -> None:
    features = random_features(0)
    weight = torch.zeros(2, 1, 6, 7)
    weight[..., 2:5, 1:4] = 0.5
    torch.testing.assert_close(second_moments(features, weight), second_moments(features[..., 2:5, 1:4]))
    assert bool(second_moments(features, torch.zeros_like(weight)).isfinite().all())


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_sums_are_made_in_float32_at_least(given: torch.dtype, expected: torch.dtype) -> None:
    features = (300 * random_features(0)).to(given)  # the square of 300 is no half
    weight = torch.ones(2, 1, 6, 7)
    for value in (
        second_moments(features),
        second_moments(features, weight),
        content_error(features / 2),
        spatial_variance(second_moments(features)),
    ):
        assert value.dtype == expected
        assert bool(value.isfinite().all())


def test_second_moments_do_not_depend_on_the_layout() -> None:
    features = random_features(0)
    laid_out = features.to(memory_format=torch.channels_last)
    torch.testing.assert_close(second_moments(laid_out), second_moments(features))


def test_mapped_statistics_are_those_of_mapped_features() -> None:
    """A~ M A~^T, with the constant kept by a last row: what makes one network's Gram another's."""
    features = random_features(0).double()
    a = torch.randn(9, 6, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    mapped = torch.einsum("dc,nchw->ndhw", a[:, :-1], features) + a[:, -1].view(1, -1, 1, 1)
    whole = torch.cat([a, torch.eye(6, dtype=torch.float64)[-1:]])
    moments = whole @ second_moments(features) @ whole.T
    torch.testing.assert_close(moments, second_moments(mapped))


def test_gram_error_and_norm() -> None:
    one, other = random_features(0), random_features(1)
    error, norm = gram_error(second_moments(one), second_moments(other)), gram_norm(second_moments(other))
    for i, (f, g) in enumerate(zip(columns(one), columns(other), strict=True)):
        gram, target = f @ f.T / f.shape[1], g @ g.T / g.shape[1]
        assert error[i].item() == pytest.approx(np.linalg.norm(gram - target) ** 2, rel=1e-5)
        assert norm[i].item() == pytest.approx(np.linalg.norm(target) ** 2, rel=1e-5)


def test_gram_error_of_pictures_of_other_sizes() -> None:
    f = random_features(0)
    twice = torch.cat([f, f], 3)
    assert gram_error(second_moments(f), second_moments(twice)).tolist() == pytest.approx([0, 0], abs=1e-9)


def test_wasserstein_error_and_norm() -> None:
    one, other = random_features(0), random_features(1)
    error = wasserstein_error(second_moments(one), second_moments(other))
    norm = wasserstein_norm(second_moments(other))
    for i, (f, g) in enumerate(zip(columns(one), columns(other), strict=True)):
        assert error[i].item() == pytest.approx(distance(f, g), rel=1e-4)
        assert norm[i].item() == pytest.approx((g**2).sum() / g.shape[1], rel=1e-5)


def test_wasserstein_error_in_one_dimension() -> None:
    """(m - m_s)^2 + (s - s_s)^2."""
    one, other = moments_of([1.5], [[4.0]]), moments_of([-0.5], [[0.25]])
    assert wasserstein_error(one, other).item() == pytest.approx(2.0**2 + 1.5**2, rel=1e-9)
    assert wasserstein_norm(other).item() == pytest.approx(0.5**2 + 0.25)


def test_wasserstein_error_of_independent_channels() -> None:
    """The sum over the channels."""
    one = moments_of([1, 2, 3], diagonal(1.0, 4.0, 9.0))
    other = moments_of([1, 0, 3], diagonal(4.0, 4.0, 1.0))
    assert wasserstein_error(one, other).item() == pytest.approx(2**2 + 1 + 0 + 4, rel=1e-9)


def test_wasserstein_error_is_symmetric_and_zero_on_itself() -> None:
    one, other = (second_moments(random_features(seed).double()) for seed in (0, 1))
    torch.testing.assert_close(wasserstein_error(one, other), wasserstein_error(other, one))
    assert wasserstein_error(one, one).tolist() == pytest.approx([0, 0], abs=1e-9)


def test_wasserstein_error_of_few_pixels_is_small_and_not_negative() -> None:
    """128 channels of rank four in float32: the eigenvalues that are nothing but rounding do not add up."""
    dice = torch.Generator().manual_seed(0)
    factors = torch.randn(1, 128, 4, generator=dice) @ torch.randn(1, 4, 256, generator=dice)
    moments = second_moments(factors.view(1, 128, 16, 16))
    error = wasserstein_error(moments, moments) / wasserstein_norm(moments)
    assert -1e-4 < error.item() < 1e-2


def test_principal_axes_have_no_covariance_between_them() -> None:
    features = random_features(0).double()
    axes = principal_axes(second_moments(features))
    for own, f in zip(axes.numpy(), columns(features), strict=True):
        covariance = np.cov(own.T @ f, bias=True)
        np.testing.assert_allclose(covariance - np.diag(np.diag(covariance)), 0, atol=1e-12)
        np.testing.assert_allclose(own.T @ own, np.eye(5), atol=1e-12)


def test_sliced_error() -> None:
    """Both sorted, and compared place by place."""
    one, other = (random_features(seed).flatten(2) for seed in (0, 1))
    error = sliced_error(one, other.sort(2).values)
    expected = np.mean((np.sort(one.double(), 2) - np.sort(other.double(), 2)) ** 2, axis=(1, 2))
    assert error.tolist() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("count", [17, 42, 300])
def test_sliced_error_against_a_style_of_another_size(count: int) -> None:
    """Its quantiles at the middles of as many equal parts."""
    one = random_features(0).flatten(2)
    target = torch.randn(1, 5, count, generator=torch.Generator().manual_seed(3)).sort(2).values
    places, given = ((np.arange(n) + 0.5) / n for n in (one.shape[2], count))
    quantiles = np.stack([np.interp(places, given, line) for line in target[0].double().numpy()])
    expected = np.mean((np.sort(one.double(), 2) - quantiles) ** 2, axis=(1, 2))
    assert sliced_error(one, target).tolist() == pytest.approx(expected, rel=1e-5)


def test_sliced_error_on_a_line_is_the_wasserstein_distance_of_gaussians() -> None:
    """(m - m_s)^2 + (s - s_s)^2, for many positions."""
    dice = torch.Generator().manual_seed(4)
    one, other = (torch.randn(1, 1, 200_000, generator=dice, dtype=torch.float64) for _ in range(2))
    error = sliced_error(2.0 * one + 1.5, (0.5 * other - 0.5).sort(2).values)
    assert error.item() == pytest.approx(2.0**2 + 1.5**2, rel=0.01)


def cosine_distances(one: Array, other: Array) -> Array:
    """Between all columns of (C, P) and (C, Q), each centred: (P, Q)."""
    centerd = [f - f.mean(1, keepdims=True) for f in (one, other)]
    a, b = (f / np.linalg.norm(f, axis=0) for f in centerd)
    return 1 - a.T @ b


@pytest.mark.parametrize("at_a_time", [1, 50, 1 << 20])
def test_nearest_error(monkeypatch: pytest.MonkeyPatch, at_a_time: int) -> None:
    """Whether similarities are computed at once or in parts."""
    monkeypatch.setattr("impasto.losses.SIMILARITIES", at_a_time)
    one, other = (random_features(seed).flatten(2) for seed in (0, 1))
    expected = [cosine_distances(f, columns(other[:1])[0]).min(1).mean() for f in columns(one)]
    assert nearest_error(one, other[:1]).tolist() == pytest.approx(expected, rel=1e-5)


def test_nearest_error_is_zero_on_itself_in_any_order() -> None:
    features = random_features(0, count=1).flatten(2)
    order = torch.randperm(features.shape[2], generator=torch.Generator().manual_seed(0))
    assert nearest_error(features, features[..., order]).item() == pytest.approx(0, abs=1e-6)


def test_nearest_is_chosen_in_half_precision_and_measured_in_full() -> None:
    one, other = (random_features(seed, count=1).flatten(2) for seed in (0, 1))
    exact, rough = nearest_error(one, other), nearest_error(one, other, torch.bfloat16)
    assert rough.dtype == torch.float32
    assert exact.item() <= rough.item() < exact.item() + 0.01


def test_content_error() -> None:
    one, other = random_features(0), random_features(1)
    expected = np.mean((one.double().numpy() - other.double().numpy()) ** 2, axis=(1, 2, 3))
    assert content_error(one - other).tolist() == pytest.approx(expected, rel=1e-6)


def test_total_variation(picture: Picture) -> None:
    image = picture("coffee", 48)[None]
    pixels = image.double().numpy()
    expected = sum(np.mean(np.diff(pixels, axis=axis) ** 2) for axis in (2, 3))
    assert total_variation(image).item() == pytest.approx(expected, rel=1e-5)
    assert total_variation(torch.full((1, 3, 4, 5), 0.7)).item() == 0


def test_a_lattice_is_seen_and_nothing_else(picture: Picture) -> None:
    """A pattern that repeats every 8 or 4 pixels has its whole variance; one of 7 pixels, noise and a drawing
    have next to none.
    """
    dice = torch.Generator().manual_seed(0)
    cell = 0.1 * torch.randn(1, 3, 8, 8, generator=dice)
    assert lattice(cell.repeat(1, 1, 16, 16)).item() == pytest.approx(
        float(cell.var((2, 3), correction=0).mean()), rel=1e-4
    )
    quarter = cell[..., :4, :4]
    assert lattice(quarter.repeat(1, 1, 30, 18)).item() == pytest.approx(
        float(quarter.var((2, 3), correction=0).mean()), rel=1e-4
    )
    seven = cell[..., :7, :7]
    assert lattice(seven.repeat(1, 1, 32, 32)) < 0.1 * seven.var((2, 3), correction=0).mean()
    noise = torch.randn(1, 3, 128, 128, generator=dice)
    assert lattice(noise).item() == pytest.approx(1 / 64, rel=0.2), "the mean of 64 cells"
    photo = picture("coffee", 128)[None]
    assert lattice(photo) < 0.02 * photo.var((2, 3), correction=0).mean()


def test_a_lattice_in_what_is_small_or_left_over(picture: Picture) -> None:
    """Windows that do not fit are not seen; a picture of one cell is one window."""
    photo = picture("coffee", 128)[None]
    assert lattice(photo[..., :70, :100]) == lattice(photo[..., :64, :64])
    assert lattice(photo[..., :8, :9]).item() == pytest.approx(
        float(photo[..., :8, :8].var((2, 3), correction=0).mean()), rel=1e-5
    )


def test_total_variation_of_a_line_counts_the_neighbors_there_are() -> None:
    line = torch.tensor([0.0, 1.0, 3.0]).view(1, 1, 1, 3)
    assert total_variation(line).item() == pytest.approx((1 + 4) / 2)
    assert total_variation(line.mT).item() == pytest.approx((1 + 4) / 2)
    assert total_variation(line[..., :1]).item() == 0


def test_out_of_range() -> None:
    image = torch.tensor([-0.5, 0.0, 0.3, 1.0, 1.2, 3.0]).view(1, 1, 2, 3)
    assert out_of_range(image).item() == pytest.approx((0.5**2 + 0.2**2 + 2**2) / 6)
    assert out_of_range(image.clamp(0, 1)).item() == 0


def test_spatial_variance() -> None:
    features = random_features(0)
    expected = np.var(features.double().numpy(), axis=(2, 3)).mean(1)
    assert spatial_variance(second_moments(features)).tolist() == pytest.approx(expected, rel=1e-5)


def test_spatial_variance_of_mapped_channels() -> None:
    features = random_features(0).double()
    linear = torch.randn(9, 5, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    mapped = torch.einsum("dc,nchw->ndhw", linear, features)
    expected = spatial_variance(second_moments(mapped))
    torch.testing.assert_close(spatial_variance(second_moments(features), linear), expected)


def test_spatial_variance_of_a_flat_picture_can_be_divided_by() -> None:
    assert spatial_variance(second_moments(torch.full((1, 3, 4, 4), 2.0))).item() == pytest.approx(4e-6)
    assert spatial_variance(second_moments(torch.zeros(1, 3, 4, 4))).item() > 0


WEIGHT = torch.rand(2, 1, 6, 7, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
TARGET = random_features(1).double() + 0.1
LOSSES: dict[str, Callable[[Tensor], Tensor]] = {
    "gram": lambda f: gram_error(second_moments(f), second_moments(TARGET)),
    "weighted": lambda f: gram_error(second_moments(f, WEIGHT), second_moments(TARGET)),
    "moments": lambda f: wasserstein_error(second_moments(f), second_moments(TARGET)),
    "sliced": lambda f: sliced_error(f.flatten(2), TARGET.flatten(2).sort(2).values),
    "nearest": lambda f: nearest_error(f.flatten(2), TARGET[:1].flatten(2)),
    "content": lambda f: content_error(f - TARGET),
    "smoothness": total_variation,
    "range": out_of_range,
    "variance": lambda f: spatial_variance(second_moments(f)),
}


@pytest.mark.parametrize("name", LOSSES)
def test_gradient_against_finite_differences(name: str) -> None:
    apart = torch.rand(2, 5, 6, 7, generator=torch.Generator().manual_seed(6), dtype=torch.float64)
    features = (
        random_features(0) + 0.05 * (1 + apart)
    ).requires_grad_()  # zeros could be sorted in any order
    assert torch.autograd.gradcheck(LOSSES[name], features, eps=1e-6, rtol=1e-4, atol=1e-7)


def constant() -> Tensor:
    return torch.full((1, 4, 5, 5), 0.4)


def lower_rank() -> Tensor:
    """Four channels that are multiples of two."""
    two = random_features(2, count=1, channels=2, height=5, width=5)
    return torch.cat([two, 2 * two], 1)


def alike() -> Tensor:
    """Uncorrelated channels of one variance: all eigenvalues are equal."""
    signs = torch.tensor([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]).float()
    return torch.cat([signs[1:], signs[1:2]]).view(1, 4, 2, 2)


@pytest.mark.parametrize("target", [constant, lower_rank, alike])
@pytest.mark.parametrize("image", [constant, lower_rank, alike])
def test_degenerate_statistics_have_finite_gradients(
    image: Callable[[], Tensor], target: Callable[[], Tensor]
) -> None:
    for error in (gram_error, wasserstein_error):
        features = image().requires_grad_()
        value = error(second_moments(features), second_moments(target()))
        value.sum().backward()
        assert value.item() > -1e-5
        assert features.grad is not None
        assert bool(features.grad.isfinite().all())


@pytest.mark.parametrize("target", [constant, lower_rank, alike])
@pytest.mark.parametrize("image", [constant, lower_rank, alike])
def test_degenerate_positions_have_finite_gradients(
    image: Callable[[], Tensor], target: Callable[[], Tensor]
) -> None:
    goals = target().flatten(2)
    for error in (sliced_error, nearest_error):
        features = image().requires_grad_()
        value = error(features.flatten(2), goals.sort(2).values if error is sliced_error else goals)
        value.sum().backward()
        assert value.item() >= -1e-6
        assert features.grad is not None
        assert bool(features.grad.isfinite().all())


@pytest.mark.parametrize("shapes", [constant, lower_rank, alike])
def test_degenerate_statistics_against_float64(shapes: Callable[[], Tensor]) -> None:
    one, other = random_features(3, count=1, channels=4), shapes()
    (mean, covariance), (mean_s, covariance_s) = (gaussian(columns(f)[0]) for f in (one, other))
    values, vectors = np.linalg.eigh(covariance_s)
    root = vectors * np.sqrt(values.clip(0)) @ vectors.T
    overlap = np.sqrt(np.linalg.eigvalsh(root @ covariance @ root).clip(0)).sum()
    expected = ((mean - mean_s) ** 2).sum() + np.trace(covariance) + np.trace(covariance_s) - 2 * overlap
    found = wasserstein_error(second_moments(one), second_moments(other))
    assert found.item() == pytest.approx(expected, rel=2e-3)

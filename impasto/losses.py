"""Formulas of style transfer, one function each; `painting.objective` weights and sums them.

Features are (N, C, h, w). Statistics of a style are computed from *second moments*: with f~ the features and
a constant 1 appended, M = f~ f~^T / hw, (N, C + 1, C + 1), contains both the Gram matrix and the mean. For a
backbone that was distilled from a teacher, a linear map A~ to the teacher's channels turns M into the
teacher's second moments, A~ M A~^T: a product of small matrices, while mapping every pixel would triple the
cost.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

SIMILARITIES = 1 << 20  # computed at a time by `nearest_error`: what fits into processor caches


def second_moments(features: Tensor, weight: Tensor | None = None) -> Tensor:
    """Average f~ f~^T over the pixels: (N, C + 1, C + 1), float32 at least; the last row is the mean, then 1.

    `weight`, (N, 1, h, w), gives each pixel a non-negative weight.
    """
    f = features.permute(0, 2, 3, 1).flatten(1, 2)  # (N, hw, C), without a copy in channels_last
    if weight is None:
        gram, mean = _Moments.apply(f)  # type: ignore[no-untyped-call]
    else:
        f = _raised(f)
        share = _shares(weight).to(f.dtype)
        gram, mean = (f * share).transpose(1, 2) @ f, share.transpose(1, 2) @ f
    top = torch.cat([gram, mean.transpose(1, 2)], 2)
    return torch.cat([top, F.pad(mean, (0, 1), value=1.0)], 1)


def gram_error(moments: Tensor, target: Tensor) -> Tensor:
    """Squared Frobenius distance of Gram matrices, |G - G_s|^2, (N,) (Gatys et al. 2016, eq. 4, unscaled).

    `moments` and `target` are second moments, (N, C + 1, C + 1); the row of the constant does not count.
    """
    return _square_norm(moments[:, :-1, :-1] - target[:, :-1, :-1])


def gram_norm(target: Tensor) -> Tensor:
    """Squared Frobenius norm of the Gram matrix, |G_s|^2, (N,), which normalizes `gram_error`."""
    return _square_norm(target[:, :-1, :-1])


def wasserstein_error(moments: Tensor, target: Tensor, root: Tensor | None = None) -> Tensor:
    """Squared Wasserstein-2 distance of the Gaussians with these means and covariances, (N,).

    |m - m_s|^2 + tr(S + S_s - 2 (S_s^1/2 S S_s^1/2)^1/2) (Dowson & Landau 1982). `moments` and `target` are
    second moments, (N, C + 1, C + 1); `root` is `covariance_root(target)`, if already computed.
    """
    mean, covariance = _mean_and_covariance(moments)
    mean_s, covariance_s = _mean_and_covariance(target)
    root = covariance_root(target) if root is None else root
    # the trace of a root needs eigenvalues only, whose gradient exists even if they coincide
    eigenvalues: Tensor = torch.linalg.eigvalsh(root @ covariance @ root)
    # eigenvalues that are zero up to rounding are left out: the roots of so many errors would add up
    noise = torch.finfo(eigenvalues.dtype).eps * eigenvalues.detach().amax(1, keepdim=True).clamp_min(1e-30)
    overlap = (eigenvalues.maximum(noise).sqrt() * (eigenvalues > noise)).sum(1)
    return (mean - mean_s).square().sum(1) + _trace(covariance) + _trace(covariance_s) - 2 * overlap


def covariance_root(moments: Tensor) -> Tensor:
    """Symmetric root of the covariance, S^1/2, (N, C, C), from second moments (N, C + 1, C + 1)."""
    values, vectors = torch.linalg.eigh(_mean_and_covariance(moments)[1])
    root: Tensor = vectors * values.clamp_min(0).sqrt().unsqueeze(1) @ vectors.transpose(1, 2)
    return root


def principal_axes(moments: Tensor) -> Tensor:
    """Principal axes of the covariance, from second moments: unit vectors, the columns of (N, C, C)."""
    axes: Tensor = torch.linalg.eigh(_mean_and_covariance(moments)[1]).eigenvectors
    return axes


def wasserstein_norm(target: Tensor) -> Tensor:
    """Squared distance of the target from zero, |m_s|^2 + tr S_s, (N,); normalizes `wasserstein_error`."""
    return _trace(target[:, :-1, :-1])


def sliced_error(projected: Tensor, target: Tensor) -> Tensor:
    """Mean squared Wasserstein-2 distance of distributions on lines (Heitz et al. 2021, eq. 5), (N,).

    `projected`, (N, K, P), holds P positions on each of K lines; `target`, (1 or N, K, Q), holds a style's
    positions, sorted. If Q is not P, the target's quantiles are interpolated.
    """
    quantiles = F.interpolate(target, projected.shape[2], mode="linear")
    return (projected.sort(2).values - quantiles).square().mean((1, 2))


def nearest_error(features: Tensor, target: Tensor, choice: torch.dtype = torch.float32) -> Tensor:
    """Mean cosine distance to a style's most similar position (Kolkin et al. 2022, sec. 3.3), (N,).

    `features`, (N, C, P), and `target`, (1, C, Q), are each centered. The choice of the most similar position
    has no gradient, and is made in the precision `choice`.
    """
    f, goals = (F.normalize(x - x.mean(2, keepdim=True), dim=1) for x in (features, target))
    at_a_time = max(1, SIMILARITIES // (len(f) * goals.shape[2]))
    with torch.no_grad():
        parts = torch.split(f.transpose(1, 2).to(choice), at_a_time, 1)
        # a maximum is found faster in float32
        nearest = torch.cat([(part @ goals.to(choice)).float().argmax(2) for part in parts], 1)
    chosen = goals[0][:, nearest].transpose(0, 1)
    return 1 - (f * chosen).sum(1).mean(1)


def content_error(difference: Tensor) -> Tensor:
    """Mean square of a difference of features (Gatys et al. 2016, eq. 1, without its constant), (N,)."""
    return _raised(difference).square().mean((1, 2, 3))


def total_variation(image: Tensor) -> Tensor:
    """Mean squared difference of neighbors, across and down (Mahendran & Vedaldi 2015, beta = 2)."""
    across, down = image[..., 1:] - image[..., :-1], image[..., 1:, :] - image[..., :-1, :]
    # a picture one pixel wide has no neighbors across, whose mean would be NaN
    return across.square().sum() / max(1, across.numel()) + down.square().sum() / max(1, down.numel())


def lattice(image: Tensor, period: int = 8, window: int = 64) -> Tensor:
    """Mean square of any pattern that repeats every `period` pixels across and down, within windows.

    A network that works at an eighth of the resolution produces such a grid, mostly in plain skies. The mean
    of all cells of a window shows the grid, while strokes and drawing, which do not repeat, cancel out.

    Args:
        image: (N, C, H, W), at least `period` pixels each way; pixels beyond whole windows are ignored.
        window: pixels, a multiple of `period`; smaller images are one window.
    """
    n, c, height, width = image.shape
    tall, wide = (min(window, side // period * period) for side in (height, width))
    rows, columns = height // tall, width // wide
    seen = image[..., : rows * tall, : columns * wide]
    cells = seen.reshape(n, c, rows, tall // period, period, columns, wide // period, period).mean((3, 6))
    return cells.var(dim=(3, 5), correction=0).mean()


def out_of_range(image: Tensor) -> Tensor:
    """Mean squared distance from [0, 1]: a soft limit that keeps pixels displayable."""
    return (image - image.detach().clamp(0, 1)).square().mean()  # detached: the gradient does not change


def spatial_variance(moments: Tensor, linear: Tensor | None = None, floor: float = 1e-6) -> Tensor:
    """Variance over the pixels, averaged over channels, (N,), from `second_moments`.

    `linear`, (D, C), maps to the channels to average. The result is at least `floor` times their mean square.
    """

    def average(matrix: Tensor) -> Tensor:
        mapped = matrix if linear is None else linear @ matrix @ linear.T
        return mapped.diagonal(dim1=1, dim2=2).mean(1)

    mean = moments[:, :-1, -1:]
    least = floor * average(moments[:, :-1, :-1]) + 1e-12
    return torch.maximum(average(moments[:, :-1, :-1] - mean @ mean.transpose(1, 2)), least)


class _Moments(torch.autograd.Function):
    """Gram matrix f^T f / hw and mean of f, (N, hw, C), with one product in the backward pass, not two.

    The product is the most expensive operation after the convolutions. Sums are float32 at least; the
    gradient keeps f's precision.
    """

    @staticmethod
    def forward(ctx: Any, f: Tensor) -> tuple[Tensor, Tensor]:
        """Gram matrix, (N, C, C), and mean, (N, C), of f."""
        ctx.save_for_backward(f)
        raised = _raised(f)
        return raised.transpose(1, 2) @ raised / f.shape[1], raised.mean(1, keepdim=True)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        """Gradient of f."""
        (f,) = ctx.saved_tensors
        of_gram, of_mean = gradients
        symmetric = (of_gram + of_gram.transpose(1, 2)) / f.shape[1]
        return torch.baddbmm((of_mean / f.shape[1]).to(f.dtype), f, symmetric.to(f.dtype))


def _raised(features: Tensor) -> Tensor:
    """Convert to float32 at least: half precision is too small for sums of squared activations."""
    return features.to(torch.promote_types(features.dtype, torch.float32))


def _shares(weight: Tensor) -> Tensor:
    """Normalize weights of pixels to sum to 1, (N, hw, 1)."""
    w = _raised(weight).permute(0, 2, 3, 1).flatten(1, 2)
    return w / w.sum(1, keepdim=True).clamp_min(1e-12)


def _mean_and_covariance(moments: Tensor) -> tuple[Tensor, Tensor]:
    mean = moments[:, :-1, -1]
    return mean, moments[:, :-1, :-1] - mean.unsqueeze(2) * mean.unsqueeze(1)


def _trace(matrix: Tensor) -> Tensor:
    return matrix.diagonal(dim1=1, dim2=2).sum(1)


def _square_norm(matrix: Tensor) -> Tensor:
    norm: Tensor = matrix.square().sum((1, 2))
    return norm

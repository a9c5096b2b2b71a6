"""Kinds of style loss: the statistic of a layer's features, and the error against a style's statistic.

For a backbone that was distilled from a teacher, `root` maps its channels, with a constant 1 appended, to the
teacher's channels, up to a rotation: (D + 1, C + 1), with a last row that keeps the constant.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from impasto import losses
from impasto.options import StyleLoss

Error = Callable[[Tensor], Tensor]  # maps a picture's statistic to its error, (N,)

_MOST_QUANTILES = 1 << 16  # most positions of a style whose projections are sorted
_MOST_PAIRS = 1 << 26  # pairs of positions compared to find the nearest, for pictures of equal size
_SHARE_OF_MOMENTS = 0.5
_LEAST_NEIGHBORS = 512  # fewest positions of a style that are searched for the nearest


class StyleComparison(Protocol):
    """A kind of style loss.

    Attributes:
        balance: factor that makes a photo's relative error as large as that of `Gram`, so that a strength has
            the same effect with every kind.
        raw_power: a plain error is divided by the number of channels to this power.
    """

    balance: float
    raw_power: int

    def statistic(self, features: Tensor, weight: Tensor | None = None) -> Tensor:
        """Statistic of (N, C, h, w) that is compared; `weight`, (N, 1, h, w), weights positions."""
        ...

    def norm(self, style: Tensor, root: Tensor | None) -> Tensor:
        """Norm of a style's statistic that divides the error, (1,)."""
        ...

    def towards(self, style: Tensor, root: Tensor | None) -> Error:
        """Make the function that computes the error of a picture's statistic against a style's."""
        ...


class Gram:
    """Gram matrices (Gatys et al. 2016)."""

    balance, raw_power = 1.0, 4

    def statistic(self, features: Tensor, weight: Tensor | None = None) -> Tensor:
        """Second moments of the features."""
        return losses.second_moments(features, weight)

    def norm(self, style: Tensor, root: Tensor | None) -> Tensor:
        """Squared norm of the style's Gram matrix, (1,)."""
        return losses.gram_norm(_taught(style, root))

    def towards(self, style: Tensor, root: Tensor | None) -> Error:
        """Make the function that computes the squared distance to the style's Gram matrix."""
        target = _taught(style, root)
        return lambda moments: losses.gram_error(_taught(moments, root), target)


class Moments:
    """Means and covariances, compared by the Wasserstein distance of the Gaussians that have them."""

    balance, raw_power = 1.5, 1

    def statistic(self, features: Tensor, weight: Tensor | None = None) -> Tensor:
        """Second moments of the features, which contain means and covariances."""
        return losses.second_moments(features, weight)

    def norm(self, style: Tensor, root: Tensor | None) -> Tensor:
        """Norm of the style's moments that divides the error, (1,)."""
        return losses.wasserstein_norm(_taught(style, root))

    def towards(self, style: Tensor, root: Tensor | None) -> Error:
        """Make the function that computes the Wasserstein distance to the style's moments."""
        target = _taught(style, root)
        spread = losses.covariance_root(target)
        return lambda moments: losses.wasserstein_error(_taught(moments, root), target, spread)


class Sliced:
    """Whole distributions, compared by their projections onto the principal axes of the style.

    Heitz et al. 2021 draw directions at random. The strongest channels dominate nearly all random directions,
    and weak channels, such as colors, have no influence. Principal axes separate them, and the style is
    sorted only once.
    """

    balance, raw_power = 3.0, 1

    def statistic(self, features: Tensor, weight: Tensor | None = None) -> Tensor:
        """Features at all positions that count, (N, C, P)."""
        return _positions(features, weight)

    def norm(self, style: Tensor, root: Tensor | None) -> Tensor:
        """Norm of the style's moments that divides the error, (1,)."""
        return losses.wasserstein_norm(_taught(_moments_of(style), root))

    def towards(self, style: Tensor, root: Tensor | None) -> Error:
        """Make the function that compares sorted projections with those of the style."""
        root = torch.eye(style.shape[1] + 1, device=style.device) if root is None else root
        # projecting mapped features onto an axis equals projecting the features onto root^T times the axis
        lines = losses.principal_axes(_taught(_moments_of(style), root))[0].T @ root[:-1]
        target = _projected(_some(style, _MOST_QUANTILES), lines).sort(2).values
        return lambda features: len(lines) * losses.sliced_error(_projected(features, lines), target)


class Nearest:
    """Each position against the most similar position of the style, plus the moments with half the weight.

    An angle between features depends on neither level nor contrast, which Kolkin et al. 2022 restore
    afterwards by the moments of colors.
    """

    balance, raw_power = 0.8, 0

    def statistic(self, features: Tensor, weight: Tensor | None = None) -> Tensor:
        """Features at all positions that count, (N, C, P)."""
        return _positions(features, weight)

    def norm(self, style: Tensor, root: Tensor | None) -> Tensor:
        """Norm that divides the error, (1,)."""
        return torch.ones(1)

    def towards(self, style: Tensor, root: Tensor | None) -> Error:
        """Make the function that compares positions with the most similar ones of the style."""
        linear = None if root is None else root[:-1, :-1]
        most = max(_LEAST_NEIGHBORS, _MOST_PAIRS // style.shape[2])
        target = _mapped(_some(style, most), linear)
        known = _moments_of(style)
        moments = Moments().towards(known, root)
        share = _SHARE_OF_MOMENTS / Moments().norm(known, root)

        def error(features: Tensor) -> Tensor:
            matched = losses.nearest_error(_mapped(features, linear), target, features.dtype)
            return matched + share * moments(_moments_of(features))

        return error


COMPARISONS: dict[StyleLoss, StyleComparison] = {
    "moments": Moments(),
    "gram": Gram(),
    "sliced": Sliced(),
    "nearest": Nearest(),
}


def _taught(moments: Tensor, root: Tensor | None) -> Tensor:
    """Second moments of the teacher's channels, from those of the backbone's channels."""
    return moments if root is None else root.to(moments.dtype) @ moments @ root.to(moments.dtype).T


def _positions(features: Tensor, weight: Tensor | None) -> Tensor:
    """Flatten (N, C, h, w) to (N, C, P); with weights (N = 1), keep those of at least half the largest."""
    flat = features.flatten(2)
    return flat if weight is None else flat[..., (weight >= weight.max() / 2).flatten()]


def _some(positions: Tensor, most: int) -> Tensor:
    """Select at most `most` positions, (1, C, Q), at random with a fixed seed."""
    count = positions.shape[2]
    if count <= most:
        return positions
    chosen = torch.randperm(count, generator=torch.Generator().manual_seed(0))[:most]
    return positions[..., chosen.to(positions.device)]


def _moments_of(positions: Tensor) -> Tensor:
    """Second moments of (N, C, P)."""
    return losses.second_moments(positions.unsqueeze(3))


def _projected(features: Tensor, lines: Tensor) -> Tensor:
    """Project (N, C, P), with a constant 1 appended, onto lines (K, C + 1): (N, K, P), float32."""
    return lines[:, :-1] @ features.float() + lines[:, -1:]


def _mapped(features: Tensor, linear: Tensor | None) -> Tensor:
    """Map features to the teacher's channels, without the constant, in float32."""
    return features.float() if linear is None else linear @ features.float()

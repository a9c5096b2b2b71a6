"""The kinds of style loss: what each looks at in a layer's features, and how far that is from a style's.

For a backbone that was taught by another, `root` leads from its channels, with a constant 1 appended, to the
teacher's, but for a rotation of them: (D + 1, C + 1), its last row keeping the constant.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from impasto import losses
from impasto.options import StyleLoss

Error = Callable[[Tensor], Tensor]  # of a picture's statistic: (N,)

_MOST_QUANTILES = 1 << 16  # positions of a style whose projections are sorted
_MOST_PAIRS = 1 << 26  # of positions, of pictures of one size, that are compared to find the nearest
_SHARE_OF_MOMENTS = 0.5
_LEAST_NEIGHBORS = 512  # positions of a style among which it is sought


class StyleComparison(Protocol):
    """A kind of style loss.

    Attributes:
        balance: makes the relative error of a photo as large as Gram's, so that strength means the same.
        raw_power: of the number of channels: what a plain error is divided by.
    """

    balance: float
    raw_power: int

    def statistic(self, features: Tensor, weight: Tensor | None = None) -> Tensor:
        """Statistic of (N, C, h, w) that is compared; `weight`, (N, 1, h, w), weights positions."""
        ...

    def norm(self, style: Tensor, root: Tensor | None) -> Tensor:
        """Norm by which the error against a style is divided, (1,)."""
        ...

    def towards(self, style: Tensor, root: Tensor | None) -> Error:
        """The error of a picture's statistic against a style's."""
        ...


class Gram:
    """Gram matrices (Gatys et al. 2016)."""

    balance, raw_power = 1.0, 4

    def statistic(self, features: Tensor, weight: Tensor | None = None) -> Tensor:
        return losses.second_moments(features, weight)

    def norm(self, style: Tensor, root: Tensor | None) -> Tensor:
        return losses.gram_norm(_taught(style, root))

    def towards(self, style: Tensor, root: Tensor | None) -> Error:
        target = _taught(style, root)
        return lambda moments: losses.gram_error(_taught(moments, root), target)


class Moments:
    """Means and covariances, as the Wasserstein distance of the Gaussians that have them."""

    balance, raw_power = 1.5, 1

    def statistic(self, features: Tensor, weight: Tensor | None = None) -> Tensor:
        return losses.second_moments(features, weight)

    def norm(self, style: Tensor, root: Tensor | None) -> Tensor:
        return losses.wasserstein_norm(_taught(style, root))

    def towards(self, style: Tensor, root: Tensor | None) -> Error:
        target = _taught(style, root)
        spread = losses.covariance_root(target)
        return lambda moments: losses.wasserstein_error(_taught(moments, root), target, spread)


class Sliced:
    """Whole distributions, by their projections onto the principal axes of the style's.

    Heitz et al. 2021 draw directions at random. The strongest channels rule in nearly all of these, and weak
    ones, such as colors, go unseen; along the axes each is seen by itself, and the style is sorted once.
    """

    balance, raw_power = 3.0, 1

    def statistic(self, features: Tensor, weight: Tensor | None = None) -> Tensor:
        return _positions(features, weight)

    def norm(self, style: Tensor, root: Tensor | None) -> Tensor:
        return losses.wasserstein_norm(_taught(_moments_of(style), root))

    def towards(self, style: Tensor, root: Tensor | None) -> Error:
        root = torch.eye(style.shape[1] + 1, device=style.device) if root is None else root
        # the projection of mapped features onto an axis is that of the features onto root^T times it
        lines = losses.principal_axes(_taught(_moments_of(style), root))[0].T @ root[:-1]
        target = _projected(_some(style, _MOST_QUANTILES), lines).sort(2).values
        return lambda features: len(lines) * losses.sliced_error(_projected(features, lines), target)


class Nearest:
    """Each position against the style's position that is most like it, and, half as much, the moments.

    An angle between features tells neither level nor contrast, which Kolkin et al. 2022 restore afterwards by
    the moments of colors.
    """

    balance, raw_power = 0.8, 0

    def statistic(self, features: Tensor, weight: Tensor | None = None) -> Tensor:
        return _positions(features, weight)

    def norm(self, style: Tensor, root: Tensor | None) -> Tensor:
        return torch.ones(1)

    def towards(self, style: Tensor, root: Tensor | None) -> Error:
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
    """The second moments of the teacher's channels."""
    return moments if root is None else root.to(moments.dtype) @ moments @ root.to(moments.dtype).T


def _positions(features: Tensor, weight: Tensor | None) -> Tensor:
    """(N, C, P) of (N, C, h, w): positions of at least half the largest weight, for N = 1."""
    flat = features.flatten(2)
    return flat if weight is None else flat[..., (weight >= weight.max() / 2).flatten()]


def _some(positions: Tensor, most: int) -> Tensor:
    """(1, C, Q) with Q at most `most`, drawn at random, always the same."""
    count = positions.shape[2]
    if count <= most:
        return positions
    chosen = torch.randperm(count, generator=torch.Generator().manual_seed(0))[:most]
    return positions[..., chosen.to(positions.device)]


def _moments_of(positions: Tensor) -> Tensor:
    """The second moments of (N, C, P)."""
    return losses.second_moments(positions.unsqueeze(3))


def _projected(features: Tensor, lines: Tensor) -> Tensor:
    """(N, C, P), with a constant 1 appended, onto (K, C + 1): (N, K, P), float32."""
    return lines[:, :-1] @ features.float() + lines[:, -1:]


def _mapped(features: Tensor, linear: Tensor | None) -> Tensor:
    """To the teacher's channels, but for a constant, in float32."""
    return features.float() if linear is None else linear @ features.float()

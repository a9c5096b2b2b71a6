"""Collect the statistics that a network normalizes by, and hold them fixed to stylize a photo part by part.

Without fixed statistics every pixel of a picture depends on all pixels; with them, on the pixels in `reach`.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from impasto.networks.base import StyleNetwork
from impasto.networks.blocks import EPSILON, Context, InstanceNorm

_LEAST_TRIAL = 256  # pixels


@dataclass(frozen=True)
class Statistics:
    """Statistics that a network normalizes by.

    Attributes:
        norms: mean and variance, (C,) float32, of each norm's input, in the order of the forward pass.
        means: (1, C, 1, 1), the mean that the network subtracts from the picture first, if it does.
    """

    norms: tuple[tuple[Tensor, Tensor], ...]
    means: tuple[Tensor, ...]


def collect(network: StyleNetwork, images: Tensor) -> Statistics:
    """Collect the statistics of (N, 3, H, W) as parts of one picture: all pixels have equal weight."""
    collecting = _Collecting()
    with torch.inference_mode():
        network(images, collecting)
    return Statistics(tuple(collecting.norms), tuple(collecting.means))


def paint_part(
    network: StyleNetwork, image: Tensor, statistics: Statistics, corner: tuple[int, int] = (0, 0)
) -> Tensor:
    """Stylize a part of a photo with the statistics of the whole photo.

    Args:
        image: the part, (N, 3, h, w).
        statistics: statistics of the whole photo.
        corner: position of the part's first pixel, (down, across): multiples of network.multiple.

    Returns:
        (N, 3, h, w), not clamped. Equals that part of the whole photo's picture, except for pixels nearer
        than `reach` to a side of the part that is not a side of the photo.
    """
    height, width = image.shape[-2:]
    down, right = network.padding(height, width)
    sides = corner[0] / (height + down), corner[1] / (width + right)
    with torch.inference_mode():
        painted: Tensor = network(image, _Known(statistics, sides))
        return painted


def reach(network: StyleNetwork) -> int:
    """Receptive field radius in pixels with fixed statistics: a multiple of network.multiple.

    Found by stylizing an image with a square of NaN, on the CPU: some convolutions of other devices spread
    NaN over the whole picture.
    """
    trial, square = deepcopy(network).cpu().float(), network.multiple
    blocks = _LEAST_TRIAL // square | 1
    while True:
        side, start = square * blocks, square * (blocks // 2)
        image = torch.zeros(1, 3, side, side)
        statistics = collect(trial, image)
        image[..., start : start + square, start : start + square] = torch.nan
        lost = paint_part(trial, image, statistics).isnan().any(1)[0]
        places = (lost.any(0) | lost.any(1)).nonzero()
        first, last = int(places.min()), int(places.max())
        if first > 0 and last < side - 1:
            return -(-max(start - first, last + 1 - start - square) // square) * square
        blocks = 2 * blocks + 1


class _Collecting(Context):
    """Measures the statistics of all images as one picture, and normalizes by them."""

    def __init__(self) -> None:
        self.norms: list[tuple[Tensor, Tensor]] = []
        self.means: list[Tensor] = []

    def norm(self, norm: nn.Module, x: Tensor) -> Tensor:
        """Normalize x, (N, C, H, W), by the statistics of all images, and keep them."""
        assert isinstance(norm, InstanceNorm)
        self.norms.append(_measure(norm, x))
        return norm.normalize_by(x, *self.norms[-1])

    def mean(self, x: Tensor) -> Tensor:
        """Mean of each channel over all images, (1, C, 1, 1); kept."""
        self.means.append(x.mean((0, 2, 3), keepdim=True))
        return self.means[-1]


class _Known(Context):
    """Normalizes by collected statistics, which are used in the order of the forward pass."""

    def __init__(self, statistics: Statistics, corner: tuple[float, float]) -> None:
        self.corner = corner
        self._norms, self._means = iter(statistics.norms), iter(statistics.means)

    def norm(self, norm: nn.Module, x: Tensor) -> Tensor:
        """Normalize x, (N, C, H, W), by the next collected statistics."""
        assert isinstance(norm, InstanceNorm)
        return norm.normalize_by(x, *next(self._norms))

    def mean(self, x: Tensor) -> Tensor:
        """Return the next collected mean, (1, C, 1, 1)."""
        return next(self._means)


def _measure(norm: InstanceNorm, x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of each channel over all images, from group norm's per image, which saves memory."""
    count, channels, height, width = x.shape
    _, mean, deviation = torch.native_group_norm(
        x, norm.weight.float(), norm.bias.float(), count, channels, height * width, channels, EPSILON
    )
    within = deviation.float().pow(-2).sub(EPSILON).clamp_min(0).mean(0)
    spread, center = torch.var_mean(mean.float(), 0, correction=0)
    return center, within + spread

"""Hypernetwork: from a backbone's statistics of a style picture to the weights of a `Light` network.

Ghiasi et al. 2017 ("Exploring the structure of a real-time, arbitrary neural artistic stylization network")
predict the parameters of a style network's norms; here the weights of its convolutions are predicted, too.
A predicted network is therefore as fast as a trained one, and can be saved as a style card.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from impasto.networks.base import whole_numbers
from impasto.networks.light import Light
from impasto.options import Pooling

WeightTensors = dict[str, Tensor]

_LEAST_VARIANCE = 1e-6  # lower limit of a channel's variance
_MOST_DEVIATIONS = 3.0  # of an input from its mean: a graphic lies far from the paintings of training


class Adaptive(nn.Module):
    """Predicts each tensor of a style network as a mean plus an offset that depends on the style.

    For norms and biases the offset is any vector, for a convolution's weights a sum of a few learned
    directions.

    Args:
        widths: channels of the backbone's layers whose second moments are the input, in order.
        hidden: widths of the two layers between moments and weights.
        directions: number of learned directions for each convolution's weights.
        combinations: number of learned combinations of a layer's channels, whose correlations are inputs.
        light: keywords of the `Light` network.
        pooling: pooling in the backbone that the second moments are from.

    Attributes:
        base: `Card.base` of the style cards that training began with. Predicted cards have this base, too, so
            that all these cards interpolate.

    Raises ValueError for invalid sizes and an unknown pooling.
    """

    centre: Tensor
    spread: Tensor
    base: str = ""

    def __init__(
        self,
        widths: Sequence[int] = (24, 48, 96, 128, 128),
        hidden: Sequence[int] = (256, 128),
        directions: int = 5,
        combinations: int = 16,
        light: Mapping[str, Any] | None = None,
        pooling: Pooling = "max",
    ) -> None:
        super().__init__()
        if pooling not in get_args(Pooling):
            raise ValueError(f"there is no pooling {pooling}")
        widths = whole_numbers("widths", widths, count=range(1, 17))
        hidden = whole_numbers("hidden", hidden, count=[2])
        directions, looked_at = whole_numbers("directions and combinations", [directions, combinations])
        skeleton = _skeleton(light or {})
        self.pooling: Pooling = pooling
        self._sizes: dict[str, Any] = {
            "widths": widths,
            "hidden": hidden,
            "directions": directions,
            "combinations": looked_at,
            "light": skeleton.config,
        }
        shapes = {name: parameter.shape for name, parameter in skeleton.named_parameters()}
        self._vectors = {name: shape.numel() for name, shape in shapes.items() if len(shape) == 1}
        self._matrices = {name: shape for name, shape in shapes.items() if len(shape) > 1}
        self.combinations = nn.ParameterList(_orthogonal(width, looked_at) for width in widths)
        seen = sum(2 * width for width in widths) + len(widths) * looked_at * (looked_at + 1) // 2
        self.register_buffer("centre", torch.zeros(seen))
        self.register_buffer("spread", torch.ones(seen))
        self.first, self.second = nn.Linear(seen, hidden[0]), nn.Linear(hidden[0], hidden[1])
        self.to_vectors = _zero(nn.Linear(hidden[1], sum(self._vectors.values())))
        self.to_shares = _zero(nn.Linear(hidden[1], directions * len(self._matrices)))
        self.means = nn.ParameterList(nn.Parameter(torch.zeros(s)) for s in self._matrices.values())
        self.bases = nn.ParameterList(
            nn.Parameter(torch.zeros(directions, s.numel())) for s in self._matrices.values()
        )

    @property
    def config(self) -> dict[str, Any]:
        """Keywords that make a network of this shape."""
        return {**self._sizes, "pooling": self.pooling}

    @property
    def light(self) -> Light:
        """Make a `Light` network of the right shape, without weights: on the device "meta"."""
        return _skeleton(self._sizes["light"])

    def forward(self, moments: Sequence[Tensor]) -> list[WeightTensors]:
        """Predict the weights of a style network, by name, for each style.

        Args:
            moments: `losses.second_moments` of a style's features at each layer, (N, C + 1, C + 1).
        """
        seen = ((self.look(moments) - self.centre) / self.spread).clamp(-_MOST_DEVIATIONS, _MOST_DEVIATIONS)
        code = F.silu(self.second(F.silu(self.first(seen))))
        vectors = self.to_vectors(code).split(list(self._vectors.values()), 1)
        shares = self.to_shares(code).unflatten(1, (len(self._matrices), -1))
        return [
            dict(zip(self._vectors, (vector[k] for vector in vectors), strict=True))
            | self._convolutions(share)
            for k, share in enumerate(shares)
        ]

    def look(self, moments: Sequence[Tensor]) -> Tensor:
        """Compute the inputs of the hypernetwork, (N, K): means, deviations, correlations; not normalized."""
        seen = []
        for m, combination in zip(moments, self.combinations, strict=True):
            mean = m[:, :-1, -1]
            covariance = m[:, :-1, :-1] - mean.unsqueeze(2) * mean.unsqueeze(1)
            deviation = covariance.diagonal(dim1=1, dim2=2).clamp_min(_LEAST_VARIANCE).sqrt()
            correlation = covariance / (deviation.unsqueeze(2) * deviation.unsqueeze(1))
            combined = combination.mT @ correlation @ combination
            rows, columns = torch.triu_indices(*combined.shape[1:], device=m.device)
            seen += [mean, deviation, combined[:, rows, columns]]
        return torch.cat(seen, 1)

    @torch.no_grad()
    def normalize_by(self, moments: Sequence[Tensor]) -> None:
        """Set the normalization of the inputs from the moments of many styles, before training."""
        seen = self.look(moments)
        self.centre.copy_(seen.mean(0))
        self.spread.copy_(seen.std(0) + 1e-3 * seen.abs().mean() + 1e-6)

    @torch.no_grad()
    def start_from(self, networks: Sequence[Mapping[str, Tensor]]) -> None:
        """Initialize with the mean of trained style networks and the directions in which they differ most."""
        vectors = [torch.cat([network[name] for name in self._vectors]) for network in networks]
        self.to_vectors.bias.copy_(torch.stack(vectors).mean(0))
        for name, mean, base in zip(self._matrices, self.means, self.bases, strict=True):
            many = torch.stack([network[name] for network in networks])
            mean.copy_(many.mean(0))
            _, sizes, directions = torch.linalg.svd((many - mean).flatten(1), full_matrices=False)
            count = min(len(base), len(sizes))
            base[:count] = directions[:count] * (sizes[:count] / len(networks) ** 0.5).unsqueeze(1)

    def _convolutions(self, shares: Tensor) -> WeightTensors:
        """Weights of the convolutions by name, from factors of the directions (convolutions, directions)."""
        parts = zip(self._matrices, self.means, self.bases, shares, strict=True)
        return {name: mean + (share @ base).view_as(mean) for name, mean, base, share in parts}


def _skeleton(config: Mapping[str, Any]) -> Light:
    with torch.device("meta"):
        return Light(**config)


def _orthogonal(rows: int, columns: int) -> nn.Parameter:
    return nn.Parameter(nn.init.orthogonal_(torch.empty(rows, columns)))


def _zero(layer: nn.Linear) -> nn.Linear:
    """Set a layer to zero, so that at first every style gets the mean weights."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer

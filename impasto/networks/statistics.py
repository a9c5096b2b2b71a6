"""The statistics that a network normalises by: collected once, then held, so that it can paint part by part.

Without them every pixel of a picture depends on every other. With them, a pixel depends on those in `reach`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from impasto.networks.base import StyleNetwork
from impasto.networks.blocks import EPSILON, InstanceNorm, NoiseInjection

_LEAST_TRIAL = 256  # pixels


@dataclass(frozen=True)
class Statistics:
    """Statistics that a network normalizes by.

    Attributes:
        norms: mean and variance, (C,) float32, of what each norm takes in, in the order of the modules.
        means: (1, C, 1, 1), what the network takes off the picture first, if it does.
    """

    norms: tuple[tuple[Tensor, Tensor], ...]
    means: tuple[Tensor, ...]


def collect(network: StyleNetwork, images: Tensor) -> Statistics:
    """Collect the statistics of (N, 3, H, W) as parts of one picture: all pixels count alike."""
    norms = list(_norms(network))
    hooks = [norm.register_forward_pre_hook(_measure) for norm in norms]
    try:
        with torch.inference_mode(), _Means() as means:
            network(images)
        return Statistics(tuple(norm.known for norm in norms if norm.known), tuple(means.seen))
    finally:
        for hook in hooks:
            hook.remove()
        for norm in norms:
            norm.known = None


def paint_part(
    network: StyleNetwork, image: Tensor, statistics: Statistics, corner: tuple[int, int] = (0, 0)
) -> Tensor:
    """The picture of a part of a photo.

    Args:
        image: (N, 3, h, w).
        statistics: of the whole photo.
        corner: the photo's pixel that is the part's first, (down, across): multiples of network.multiple.

    Returns:
        (N, 3, h, w), not clamped; as in the picture of the whole, but for what is nearer than `reach` to a
        side that is not a side of the photo.
    """
    with _held(network, image, statistics, corner), torch.inference_mode(), _Means(statistics.means):
        painted: Tensor = network(image)
        return painted


def reach(network: StyleNetwork) -> int:
    """Receptive field radius in pixels with fixed statistics: a multiple of network.multiple.

    Found by painting a square that is no number, on the CPU: some convolutions of other devices spread such
    values over all the picture.
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


def _norms(network: StyleNetwork) -> Iterator[InstanceNorm]:
    return (module for module in network.modules() if isinstance(module, InstanceNorm))


def _measure(norm: InstanceNorm, inputs: tuple[Tensor, ...]) -> None:
    """Let a norm know its input's statistics. Group norm takes them of each image, with little memory."""
    (x,), ones, zeros = inputs, norm.weight.float(), norm.bias.float()
    count, channels, height, width = x.shape
    _, mean, deviation = torch.native_group_norm(
        x, ones, zeros, count, channels, height * width, channels, EPSILON
    )
    within = deviation.float().pow(-2).sub(EPSILON).clamp_min(0).mean(0)
    spread, centre = torch.var_mean(mean.float(), 0, correction=0)
    norm.known = centre, within + spread


@contextmanager
def _held(
    network: StyleNetwork, image: Tensor, statistics: Statistics, corner: tuple[int, int]
) -> Iterator[None]:
    """Norms know the statistics, and grains where the image lies."""
    height, width = image.shape[-2:]
    down, right = network.padding(height, width)
    sides = (corner[0] / (height + down), corner[1] / (width + right))
    grains = [module for module in network.modules() if isinstance(module, NoiseInjection)]
    norms = list(_norms(network))
    try:
        for norm, known in zip(norms, statistics.norms, strict=True):
            norm.known = known
        for grain in grains:
            grain.corner = sides
        yield
    finally:
        for norm in norms:
            norm.known = None
        for grain in grains:
            grain.corner = (0.0, 0.0)


@dataclass(eq=False)
class _Means(TorchFunctionMode):
    """`transformer_net` takes the mean off a picture first. That is a statistic, too: measured or known."""

    known: Sequence[Tensor] = ()
    seen: list[Tensor] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def __torch_function__(
        self, function: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if function is not Tensor.mean or args[0].ndim < 4:
            return function(*args, **(kwargs or {}))
        place = len(self.seen)
        whole = self.known[place] if self.known else function(args[0], (0, 2, 3), keepdim=True)
        self.seen.append(whole)
        return whole

"""Base class of perceptual networks: features of named layers, computed no deeper than requested."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from impasto.errors import UsageError
from impasto.options import Pooling

_L2_FLOOR = 1e-6  # added to the mean square, so that the root has a finite slope at 0


class Backbone(nn.Module):
    """Perceptual network: a chain of steps named conv*, relu* and pool*; some are layers with features.

    `layers` names, in order, the steps whose features can be requested. `maps` holds, for a network that was
    distilled from a teacher, the linear map from its channels at a layer, with a constant 1 appended, to the
    teacher's channels: (C_teacher, C + 1). `source` is its name or file, for messages.
    """

    layers: tuple[str, ...]
    maps: dict[str, Tensor]

    def __init__(self, source: str, steps: Sequence[str], pooling: Pooling) -> None:
        super().__init__()
        if pooling not in get_args(Pooling):
            raise UsageError(f"there is no pooling {pooling}: choose among {', '.join(get_args(Pooling))}")
        self.source = source
        self.steps = tuple(steps)
        self.layers = self.steps
        self.maps = {}
        self.convolutions = nn.ModuleDict()
        self.pooling = pooling

    def prepare(self, image: Tensor) -> Tensor:
        """Convert an RGB image in 0..1 to the network's input range."""
        raise NotImplementedError

    def forward(self, image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        """Features by layer name, (N, C, h, w), of an RGB image, (N, 3, H, W) in 0..1.

        Nothing below the deepest of `layers` is computed. Raises UsageError for an unknown layer and for an
        image with too few pixels for the deepest layer.
        """
        path = self.path_to(layers)
        height, width = image.shape[-2:]
        if min(height, width) < (least := self.least_side(layers)):
            raise UsageError(
                f"an image of {width}x{height} pixels is too small for layer {path[-1]}, "
                f"which needs {least}x{least}"
            )
        features = {}
        x = self.prepare(image)
        for name in path:
            x = self._step(name, x, in_place=name.replace("relu", "conv") not in layers)
            if name in layers:
                features[name] = x
        return features

    def path_to(self, layers: Collection[str]) -> tuple[str, ...]:
        """Names of the steps up to the deepest of these layers."""
        for name in layers:
            if name not in self.layers:
                raise UsageError(
                    f"{self.source} ends at {self.layers[-1]} and has no layer {name}: "
                    f"choose among {', '.join(self.layers)}"
                )
        return self.steps[: max((self.steps.index(name) + 1 for name in layers), default=0)]

    def least_side(self, layers: Collection[str]) -> int:
        """Shortest side, in pixels, that an image needs for the deepest of these layers."""
        return int(2 ** sum(name.startswith("pool") for name in self.path_to(layers)))

    def width_of(self, name: str) -> int:
        """Number of output channels of a convolution."""
        layer = self.convolutions[name]
        assert isinstance(layer, nn.Conv2d)
        return layer.out_channels

    def _step(self, name: str, x: Tensor, *, in_place: bool) -> Tensor:
        if name.startswith("relu"):
            return F.relu(x, inplace=in_place)
        if name.startswith("pool"):
            return _POOLS[self.pooling](x)
        result: Tensor = self.convolutions[name](x)
        return result


def l2_pool(x: Tensor) -> Tensor:
    """Pool by the root of the mean square over 2 x 2 positions, (N, C, H, W) to (N, C, H // 2, W // 2).

    Max pooling passes its gradient to one position of four, which causes a sandy speckle, and average pooling
    cannot detect values that alternate from position to position. The L2 norm has neither fault (Hénaff &
    Simoncelli 2016, "Geodesics of learned representations").
    """
    pooled: Tensor = _L2Pool.apply(x)  # type: ignore[no-untyped-call]
    return pooled


class _L2Pool(torch.autograd.Function):
    """L2 pooling with its own backward pass: autograd would keep three more tensors of the input's size."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Pool x, (N, C, H, W)."""
        pooled = F.avg_pool2d(x.square(), 2).add_(_L2_FLOOR).sqrt_()
        ctx.save_for_backward(x, pooled)
        return pooled

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """Gradient of x."""
        x, pooled = ctx.saved_tensors
        count, channels, height, width = pooled.shape
        share = (gradient / (4 * pooled)).permute(0, 2, 3, 1)[:, :, None, :, None]
        seen = x[..., : 2 * height, : 2 * width].permute(0, 2, 3, 1)
        result = share * seen.reshape(count, height, 2, width, 2, channels)
        result = result.view(count, 2 * height, 2 * width, channels).permute(0, 3, 1, 2)
        left = x.shape[3] - 2 * width, x.shape[2] - 2 * height  # pooling ignores an odd last column and row
        return F.pad(result, (0, left[0], 0, left[1])) if any(left) else result


_POOLS = {
    "max": lambda x: F.max_pool2d(x, 2),
    "average": lambda x: F.avg_pool2d(x, 2),
    "l2": l2_pool,
}

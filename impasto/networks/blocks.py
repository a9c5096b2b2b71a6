"""Building blocks of style networks."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class InstanceNorm(nn.Module):
    """Normalize each channel of each image to mean 0, variance 1; scale and shift (Ulyanov et al. 2016).

    Computed as a group norm with one channel per group, which keeps the channels_last layout: on a CPU this
    is several times as fast as `nn.InstanceNorm2d`. Parameters have the names that `nn.InstanceNorm2d` uses.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalize (N, C, H, W) by the statistics of each image."""
        learns = x.requires_grad or self.weight.requires_grad or self.bias.requires_grad
        if x.device.type == "cpu" and torch.is_grad_enabled() and learns:
            normed: Tensor = _InstanceNorm.apply(x, self.weight, self.bias)  # type: ignore[no-untyped-call]
            return normed
        scale, shift = self.weight.to(x.dtype), self.bias.to(x.dtype)
        return F.group_norm(x, x.shape[1], scale, shift, EPSILON)

    def normalize_by(self, x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        """Normalize by given statistics of each channel, (C,) float32, instead of the image's own."""
        return F.batch_norm(x, mean, variance, self.weight.float(), self.bias.float(), eps=EPSILON)


class Context:
    """Context of a forward pass: statistics and position in the picture. Here, images are whole pictures.

    `networks.statistics` has contexts for parts of pictures. Networks pass the context on to their modules.

    Attributes:
        corner: position of the input in its picture, (down, across), in multiples of the input's sides.
    """

    corner: tuple[float, float] = (0.0, 0.0)

    def norm(self, norm: nn.Module, x: Tensor) -> Tensor:
        """Normalize x, (N, C, H, W)."""
        normed: Tensor = norm(x)
        return normed

    def mean(self, x: Tensor) -> Tensor:
        """Mean of each channel over the pixels, (N, C, 1, 1) or (1, C, 1, 1)."""
        return x.mean((2, 3), keepdim=True)


WHOLE = Context()


class Convolution(nn.Module):
    """Convolution that keeps the size, or divides it by `stride`, with reflection padding.

    Reflection leaves no visible frame. A convolution before an instance norm needs no bias.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 3, *, stride: int = 1, bias: bool = True
    ) -> None:
        super().__init__()
        self.padding = kernel // 2
        self.conv2d = nn.Conv2d(inputs, outputs, kernel, stride, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        if self.padding:
            x = F.pad(x, (self.padding,) * 4, mode="reflect")
        result: Tensor = self.conv2d(x)
        return result


class NormedConvolution(nn.Module):
    """Convolution, instance norm and, unless `activate` is False, ReLU."""

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1, activate: bool = True) -> None:
        super().__init__()
        self.convolution = Convolution(inputs, outputs, stride=stride, bias=False)
        self.norm = InstanceNorm(outputs)
        self.activate = activate

    def forward(self, x: Tensor, context: Context = WHOLE) -> Tensor:
        """Convolve, normalize and activate (N, inputs, H, W)."""
        x = context.norm(self.norm, self.convolution(x))
        return F.relu_(x) if self.activate else x


class Residual(nn.Module):
    """x plus two normed convolutions of it (He et al. 2016, without the last activation)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = NormedConvolution(channels, channels)
        self.second = NormedConvolution(channels, channels, activate=False)

    def forward(self, x: Tensor, context: Context = WHOLE) -> Tensor:
        """Add the residual to x, (N, channels, H, W)."""
        y: Tensor = self.second(self.first(x, context), context)
        return y.add_(x)  # in place: the norm's backward pass does not need its output


class Stack(nn.Sequential):
    """Sequence of modules that passes the context to each module."""

    def forward(self, x: Tensor, context: Context = WHOLE) -> Tensor:
        """Apply the modules in order."""
        for module in self:
            x = module(x, context)
        return x


class NoiseInjection(nn.Module):
    """Add a fixed pattern of noise to each channel, with a learned strength that starts at 0.

    In a flat sky a network has no structure to place strokes by, and draws a regular pattern; texture
    networks therefore take noise beside the photo (Ulyanov et al. 2016). This noise is equal at every call
    and normally distributed, and repeats after `period` features across and down; a part of a picture gets
    its part of the pattern.
    """

    noise: Tensor

    def __init__(self, channels: int, period: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(channels))
        drawn = np.random.RandomState(period).standard_normal((1, 1, period, period))
        self.register_buffer("noise", torch.from_numpy(drawn.astype(np.float32)), persistent=False)

    def forward(self, x: Tensor, context: Context = WHOLE) -> Tensor:
        """Add the noise to x, (N, C, H, W)."""
        places = [torch.arange(side, device=x.device) for side in x.shape[2:]]
        if any(context.corner):
            places = [
                place + round(start * len(place)) for place, start in zip(places, context.corner, strict=True)
            ]
        down, across = (place % self.noise.shape[2] for place in places)
        noise = self.noise.index_select(2, down).index_select(3, across)
        return x + (self.scale.view(1, -1, 1, 1) * noise).to(x.dtype)


def enlarge(x: Tensor, factor: int = 2) -> Tensor:
    """Enlarge by nearest neighbors: a convolution afterwards leaves no checkerboard (Odena et al. 2016)."""
    return F.interpolate(x, scale_factor=float(factor), mode="nearest")


EPSILON = 1e-5


class _InstanceNorm(torch.autograd.Function):
    """Instance norm with a fast backward pass.

    torch's own backward pass of group and instance norm takes a third of a training step on a CPU, and
    crashes for a channels_last input that needs no gradient. This backward pass is two matrix products with
    ones, for the sums over the pixels, and two fused multiplications.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Normalize x, (N, C, H, W), then scale and shift."""
        n, c, h, w = x.shape
        x = x.contiguous(memory_format=torch.channels_last)
        exact = torch.promote_types(x.dtype, torch.float32)  # statistics of bfloat16 inputs are float32
        y, mean, deviation = torch.native_group_norm(
            x, weight.to(exact), bias.to(exact), n, c, h * w, c, EPSILON
        )
        ctx.save_for_backward(x, weight, mean, deviation)  # deviation is 1 / sqrt(variance + epsilon)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Gradients of x, weight and bias."""
        x, weight, mean, deviation = ctx.saved_tensors
        (n, c, h, w), pixels = x.shape, x.shape[2] * x.shape[3]
        flat, up = (t.permute(0, 2, 3, 1).reshape(n, pixels, c) for t in (x, gradients[0]))
        sums, products = _sum_pixels(up), _sum_pixels(up * flat)  # (n, 1, c)
        mean, deviation = mean.view(n, 1, c).to(sums.dtype), deviation.view(n, 1, c).to(sums.dtype)
        of_weight = (products - mean * sums) * deviation
        scale = weight.to(sums.dtype) * deviation
        slope = -scale * deviation * of_weight / pixels
        level = -scale * sums / pixels - slope * mean
        down = torch.addcmul(level.to(up.dtype), up, scale.to(up.dtype)).addcmul_(flat, slope.to(up.dtype))
        of_x = down.view(n, h, w, c).permute(0, 3, 1, 2)
        return of_x, of_weight.sum((0, 1)).to(weight.dtype), sums.sum((0, 1)).to(weight.dtype)


def _sum_pixels(x: Tensor) -> Tensor:
    """Sum (N, hw, C) over the pixels to (N, 1, C), in float32 at least."""
    ones = torch.ones(x.shape[0], 1, x.shape[1], dtype=x.dtype)
    raised = torch.promote_types(x.dtype, torch.float32)
    if x.shape[2] < 32:
        return x.sum(1, keepdim=True, dtype=raised)
    with torch.autocast("cpu", enabled=False):  # autocast would round the addends
        return torch.bmm(ones, x).to(raised)

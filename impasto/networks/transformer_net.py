"""Johnson's network, in the layout of its published weights."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from impasto.networks.base import StyleNetwork
from impasto.networks.blocks import WHOLE, Context, Convolution, InstanceNorm, enlarge


class TransformerNet(StyleNetwork):
    """Residual network of Johnson et al. 2016, with instance norm and enlarging by nearest neighbors.

    Layers, names and the scale of the pixels are those of pytorch/examples fast_neural_style, whose weights
    load unchanged: internally, input and output have values from 0 to 255.
    """

    name = "transformer_net"
    multiple = 4
    least_side = 8  # two pixels at a quarter of the resolution: a single pixel cannot be reflected

    def __init__(self) -> None:
        super().__init__()
        self.config = {}
        self.conv1, self.in1 = Convolution(3, 32, 9), InstanceNorm(32)
        self.conv2, self.in2 = Convolution(32, 64, stride=2), InstanceNorm(64)
        self.conv3, self.in3 = Convolution(64, 128, stride=2), InstanceNorm(128)
        self.res1, self.res2, self.res3, self.res4, self.res5 = (PublishedResidual(128) for _ in range(5))
        self.deconv1, self.in4 = Convolution(128, 64), InstanceNorm(64)
        self.deconv2, self.in5 = Convolution(64, 32), InstanceNorm(32)
        self.deconv3 = Convolution(32, 3, 9)
        _start_gray(self.deconv3.conv2d)

    def paint(self, image: Tensor, context: Context = WHOLE) -> Tensor:
        """Stylize an image whose sides are multiples of `multiple`."""
        norm = context.norm
        image = image - context.mean(image)  # in1 would subtract it, too, but after rounding, less exactly
        y = F.relu(norm(self.in1, self.conv1(image * _WHITE)))
        y = F.relu(norm(self.in2, self.conv2(y)))
        y = F.relu(norm(self.in3, self.conv3(y)))
        for residual in (self.res1, self.res2, self.res3, self.res4, self.res5):
            y = residual(y, context)
        y = F.relu(norm(self.in4, self.deconv1(enlarge(y))))
        y = F.relu(norm(self.in5, self.deconv2(enlarge(y))))
        painted: Tensor = self.deconv3(y)
        return painted / _WHITE


class PublishedResidual(nn.Module):
    """`blocks.Residual` with the published names, and with biases in its convolutions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.in1 = Convolution(channels, channels), InstanceNorm(channels)
        self.conv2, self.in2 = Convolution(channels, channels), InstanceNorm(channels)

    def forward(self, x: Tensor, context: Context = WHOLE) -> Tensor:
        """Add the residual to x, (N, channels, H, W)."""
        y = F.relu(context.norm(self.in1, self.conv1(x)))
        return x + context.norm(self.in2, self.conv2(y))


_WHITE = 255.0


@torch.no_grad()
def _start_gray(layer: nn.Conv2d) -> None:
    """Initialize the last layer to gray, on the scale of pixels: torch's default, black, costs 100 steps."""
    assert layer.bias is not None
    layer.weight.mul_(_WHITE / 2)
    layer.bias.fill_(_WHITE / 2)

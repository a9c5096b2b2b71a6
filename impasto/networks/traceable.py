"""Prepare style networks for export to other runtimes."""

from __future__ import annotations

from copy import deepcopy

from torch import Tensor, nn

from impasto.networks.base import StyleNetwork
from impasto.networks.blocks import InstanceNorm
from impasto.networks.light import Enlarging, EnlargingConvolution


class Traceable(nn.Module):
    """Copy of a network for export, in float32 on the CPU; `forward` is `paint`, without padding.

    Sides must be multiples of `multiple`. Norms are `nn.InstanceNorm2d`. Other runtimes turn a group norm
    with one channel per group, which torch computes faster, into reshapes: OpenVINO converts the layout of
    its convolutions at each, and version 2026.4 crashes when it compiles some of them in float32. Kernels
    that are computed from learned kernels become constants.
    """

    def __init__(self, network: StyleNetwork) -> None:
        super().__init__()
        self.network = deepcopy(network).float().cpu().requires_grad_(False)
        _replace_parts(self.network)
        self.eval()

    def forward(self, image: Tensor) -> Tensor:
        """Stylize an image whose sides are multiples of the network's `multiple`."""
        return self.network.paint(image)


def _replace_parts(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, InstanceNorm):
            setattr(module, name, _plain(child))
        elif isinstance(child, EnlargingConvolution):
            setattr(module, name, Enlarging(child))
        else:
            _replace_parts(child)


def _plain(norm: InstanceNorm) -> nn.InstanceNorm2d:
    plain = nn.InstanceNorm2d(len(norm.weight), affine=True)
    plain.weight, plain.bias = norm.weight, norm.bias
    return plain

"""VGG-19 compressed sixteenfold: "Collaborative Distillation for Ultra-Resolution Universal Style Transfer"
(Wang et al., CVPR 2020, arXiv:2003.08436), read from its published weights: a teacher, and a reference."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from impasto.backbones.base import Backbone
from impasto.errors import WeightsError
from impasto.options import Pooling

_DEPTHS = (2, 2, 4, 4, 1)
_LAYERS = tuple(f"relu{block}_1" for block in range(1, len(_DEPTHS) + 1))


class Compressed(Backbone):
    """Compressed encoder, frozen; its `_aux` convolutions are the maps to VGG-19's channels.

    `tensors` have the published names: conv0, conv11, ..., conv51, conv11_aux, ..., conv51_aux.
    """

    def __init__(self, tensors: Mapping[str, Tensor], *, source: str, pooling: Pooling) -> None:
        super().__init__(source, list(_steps()), pooling)
        self.layers = _LAYERS
        self.colors = _convolution(tensors, "conv0", 3, 1)
        width, widths = self.colors.out_channels, dict[str, int]()
        for name in self.steps:
            if name.startswith("conv"):
                convolution = _convolution(tensors, name.replace("_", ""), width, 3)
                self.convolutions[name] = convolution
                width = widths[name] = convolution.out_channels
        for layer in self.layers:
            aux = _convolution(tensors, f"conv{layer[4]}1_aux", widths[layer.replace("relu", "conv")], 1)
            bias = aux.bias if aux.bias is not None else torch.zeros(aux.out_channels)
            self.maps[layer] = torch.cat([aux.weight.flatten(1), bias[:, None]], 1).detach()
        self.requires_grad_(False).eval()

    def prepare(self, image: Tensor) -> Tensor:
        """Convert an RGB image in 0..1 to the network's input."""
        result: Tensor = self.colors(image)
        return result

    def least_side(self, layers: Collection[str]) -> int:
        """Shortest side, in pixels, as for every backbone, but at least what mirrored borders need."""
        return 2 * super().least_side(layers)

    def _step(self, name: str, x: Tensor, *, in_place: bool) -> Tensor:
        if name.startswith("conv"):
            x = F.pad(x, (1, 1, 1, 1), mode="reflect")
        return super()._step(name, x, in_place=in_place)

    def teacher_features(self, image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        """Approximate VGG-19's activations per pixel: relu(map(features))."""
        features = self(image, layers)
        return {
            layer: F.relu(F.conv2d(f, self.maps[layer][:, :-1, None, None], self.maps[layer][:, -1]))
            for layer, f in features.items()
        }


def _convolution(tensors: Mapping[str, Tensor], name: str, inputs: int, side: int) -> nn.Conv2d:
    weight, bias = tensors.get(f"{name}.weight"), tensors.get(f"{name}.bias")
    if weight is None or bias is None or weight.dim() != 4 or not len(weight):
        raise WeightsError(f"a compressed VGG-19 must hold {name}.weight and {name}.bias")
    if weight.shape[1:] != (inputs, side, side) or bias.shape != weight.shape[:1]:
        raise WeightsError(
            f"{name} does not fit the rest of a compressed VGG-19: it is {tuple(weight.shape)} and "
            f"{tuple(bias.shape)}"
        )
    layer = nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[2], device="meta")
    layer.weight, layer.bias = nn.Parameter(weight.float()), nn.Parameter(bias.float())
    return layer


def _steps() -> Iterator[str]:
    for block, depth in enumerate(_DEPTHS, 1):
        for place in range(1, depth + 1):
            yield from (f"conv{block}_{place}", f"relu{block}_{place}")
        if block < len(_DEPTHS):
            yield f"pool{block}"

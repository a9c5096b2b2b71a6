"""The judge's own features as a backbone: what could be had with any patience, to compare with."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from torch import Tensor

from impasto import backbones
from impasto.backbones.base import Backbone
from impasto.backbones.compressed import Compressed

LAYERS = tuple(f"relu{block}_1" for block in range(1, 6))
_NEAR = LAYERS[:3]  # the exact file goes deeper, to relu3_4, but no style layer of ours lies between


class JudgeFeatures(Backbone):
    """VGG-19 to relu3_1; beyond, the compressed one mapped to VGG-19's channels, pixel by pixel."""

    def __init__(self, weights: Path) -> None:
        super().__init__("the judge's features", LAYERS, "max")
        self.exact = backbones.load(weights / "vgg19-relu3_4.safetensors")
        compressed = backbones.load(weights / "vgg19-16x.safetensors")
        assert isinstance(compressed, Compressed)
        self.compressed = compressed

    def forward(self, image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        self.path_to(layers)  # objects to layers that are not there
        near = [layer for layer in layers if layer in _NEAR]
        deep = [layer for layer in layers if layer not in _NEAR]
        features: dict[str, Tensor] = self.exact(image, near) if near else {}
        return features | (self.compressed.teacher_features(image, deep) if deep else {})

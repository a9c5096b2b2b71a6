"""Compact backbone: a small VGG-like network distilled from VGG-19 and embedded in the package.

Block n ends in relu{n}_1. As all convolutions of a block come after its pooling, a gradient costs a sixteenth
of VGG-19's. The linear maps to the teacher's channels are used on statistics, never per pixel (`losses`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from impasto.backbones.base import Backbone
from impasto.errors import WeightsError
from impasto.options import Pooling
from impasto.weights import load_floats, save_tensors

EMBEDDED = Path(__file__).with_name("compact.safetensors")

WIDTHS = ((24,), (32, 48), (64, 96), (128, 128, 128), (128, 128))
LAYERS = tuple(f"relu{block}_1" for block in range(1, len(WIDTHS) + 1))
TEACHER_WIDTHS = dict(zip(LAYERS, (64, 128, 256, 512, 512), strict=True))
WIDTH_OF = {layer: widths[-1] for layer, widths in zip(LAYERS, WIDTHS, strict=True)}

_MEAN, _DEVIATION = 0.45, 0.25  # of photos, for all channels: zero padding corresponds to this gray


class Compact(Backbone):
    """Compact backbone with random weights; `load_compact` returns the trained network.

    Only the last activation of each block, LAYERS, can be requested: the other activations have no
        counterpart
    in the teacher.
    """

    def __init__(self, *, source: str = "compact", pooling: Pooling = "max") -> None:
        super().__init__(source, list(_steps()), pooling)
        self.layers = LAYERS
        channels = 3
        for name, width in _convolutions():
            layer = nn.Conv2d(channels, width, 3, padding=1)
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias) if layer.bias is not None else None
            self.convolutions[name] = layer
            channels = width

    def prepare(self, image: Tensor) -> Tensor:
        """Normalize an RGB image in 0..1."""
        return (image - _MEAN) / _DEVIATION


def load_compact(path: Path = EMBEDDED, *, pooling: Pooling = "max") -> Compact:
    """Load the trained network, frozen, with its maps. Raises WeightsError for a file of another network."""
    source = "compact" if path == EMBEDDED else str(path)
    network = Compact(source=source, pooling=pooling)
    tensors = load_floats(path)
    maps = {layer: tensors.pop(f"maps.{layer}", torch.empty(0)) for layer in LAYERS}
    for layer, matrix in maps.items():
        if matrix.shape != (TEACHER_WIDTHS[layer], WIDTH_OF[layer] + 1):
            raise WeightsError(f"{path} is no compact backbone: maps.{layer} is missing or misshapen")
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise WeightsError(f"{path} is no compact backbone of this version of impasto") from error
    network.maps = maps
    return network.requires_grad_(False).eval()


def save_compact(network: Compact, path: Path, metadata: dict[str, str]) -> None:
    """Write weights and maps in float16, which changes features by 0.1 %; the file is renamed into place."""
    tensors = dict(network.state_dict()) | {f"maps.{layer}": m for layer, m in network.maps.items()}
    halves = {key: tensor.half().contiguous() for key, tensor in tensors.items()}
    save_tensors(path, halves, {"impasto": "compact"} | metadata)


def _convolutions() -> Iterator[tuple[str, int]]:
    """Names and widths of the convolutions, in order: conv{n}_1a, conv{n}_1b, conv{n}_1 in each block n."""
    for block, widths in enumerate(WIDTHS, 1):
        for place, width in enumerate(widths, 1):
            suffix = "" if place == len(widths) else "ab"[place - 1]
            yield f"conv{block}_1{suffix}", width


def _steps() -> Iterator[str]:
    block = "1"
    for name, _ in _convolutions():
        if name[4] != block:
            yield f"pool{block}"
            block = name[4]
        yield from (name, name.replace("conv", "relu"))

"""Style networks in ONNX Runtime, which is there for processors that OpenVINO does not know."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.export import Dim

from impasto.networks import StyleNetwork, onnx
from impasto.networks.onnx import Traceable
from impasto.stylizing.pixels import paint_bytes
from impasto.stylizing.runtime import RuntimeName

_EXAMPLE = (8, 12)  # sides in multiples: neither equal nor 1, which an export would take for constants


class OnnxRunner:
    """A `runtime.Runner` in float32; exporting to ONNX takes seconds.

    Raises MissingExtraError where ONNX Runtime, or what an export needs, is not installed.
    """

    name: RuntimeName = "onnxruntime"

    def __init__(self, network: StyleNetwork) -> None:
        self._network = network
        self._session = _start(network)

    def __call__(self, batch: Tensor) -> Tensor:
        return torch.cat([self._network.pad_and_crop(image[None], self._paint) for image in batch])

    def frame(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return paint_bytes(self, frame)

    def _paint(self, image: Tensor) -> Tensor:
        return onnx.run(self._session, image)


def _start(network: StyleNetwork) -> Any:
    with onnx.required("fast", "The runtime onnxruntime"):
        onnx.check_libraries()
        return onnx.start(export(network))


def export(network: StyleNetwork) -> bytes:
    """Export `paint` as an ONNX model: "image" (1, 3, H, W) to "picture", sides multiples of its own."""
    multiple = network.multiple
    example = torch.zeros(1, 3, *(max(n * multiple, network.least_side) for n in _EXAMPLE))
    sides = {axis + 2: multiple * Dim(name, min=2) for axis, name in enumerate(("rows", "columns"))}
    return onnx.write(Traceable(network), example, sides)

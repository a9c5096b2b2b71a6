"""Run style networks in PyTorch, and frames of bytes by any function of tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from impasto.networks import StyleNetwork
from impasto.stylizing.pixels import as_image, as_pixels
from impasto.stylizing.runtime import RuntimeName

if TYPE_CHECKING:
    from impasto.imaging.video.clip import Pixels


class TorchRunner:
    """A `runtime.Runner` on the device of the network and in its precision."""

    name: RuntimeName = "torch"

    def __init__(self, network: StyleNetwork) -> None:
        self._network = network

    def __call__(self, batch: Tensor) -> Tensor:
        weight = next(self._network.parameters())
        # the whole in bfloat16 takes half the memory that autocast does, and is as fast
        batch = batch.to(weight.device, weight.dtype, memory_format=torch.channels_last)
        with torch.inference_mode():
            painted: Tensor = self._network(batch)
            return painted.float()

    def frame(self, frame: Pixels) -> Pixels:
        return paint_bytes(self, frame)


def paint_bytes(paint: Callable[[Tensor], Tensor], frame: Pixels) -> Pixels:
    """Pass (H, W, 3) through a function of (1, 3, H, W) in [0, 1], whose result need not be clamped."""
    return as_pixels(paint(as_image(frame)[None])[0])

"""The smallest network that can be trained."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from impasto.networks import StyleNetwork
from impasto.networks.blocks import WHOLE, Context


class Shift(StyleNetwork):
    """Adds a number to all pixels."""

    name = "shift"

    def __init__(self) -> None:
        super().__init__()
        self.config = {}
        self.by = nn.Parameter(torch.zeros(1))

    def paint(self, image: Tensor, context: Context = WHOLE) -> Tensor:
        return image + self.by

"""Styles to learn from: windows of paintings, varied so that some hundred paintings stand for all styles."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from impasto.training.crops import CropPosition, Crops, cut_square, to_tensor

_LONG_SIDES = (400, 620)  # pixels that a whole painting's long side is seen at: 512 is usual
_GREY = 1 / math.sqrt(3)


@dataclass(frozen=True)
class Windows(Crops):
    """Samples as `Crops` are, of paintings: as near as a style picture is looked at, of all colors."""

    def _cut(self, photo: int, chance: random.Random) -> Tensor:
        image = self.photos.open(photo)
        window = cut_square(image, self._place(image, chance), self.size, self.photos.name(photo))
        return _vary(to_tensor(window), chance) if chance.random() < 0.55 else to_tensor(window)

    def _place(self, image: Image.Image, chance: random.Random) -> CropPosition:
        short = chance.uniform(*_LONG_SIDES) * min(image.size) / max(image.size)
        side = min(1.0, self.size / short)
        return CropPosition(side, chance.random(), chance.random(), mirrored=chance.random() < 0.5)


def _vary(image: Tensor, chance: random.Random) -> Tensor:
    """Other hues, or the negative; another saturation, exposure and contrast; grain, or a sharper brush."""
    if chance.random() < 0.6:
        image = torch.einsum("ij,jhw->ihw", _turn_hues(chance.uniform(-math.pi, math.pi)), image)
    if chance.random() < 0.15:
        image = 1 - image
    gray = image.mean(0, keepdim=True)
    image = gray + chance.uniform(0.3, 1.7) * (image - gray)
    exposed = image.clamp(0, 1) ** math.exp(chance.uniform(-0.4, 0.4))
    image = 0.5 + chance.uniform(0.7, 1.3) * (exposed - 0.5) + chance.uniform(-0.08, 0.08)
    touch = chance.random()
    if touch < 0.15:
        image = image + chance.uniform(0.01, 0.06) * _noise(image, chance)
    elif touch < 0.3:
        image = image + chance.uniform(0.5, 1.5) * (image - F.avg_pool2d(image[None], 3, 1, 1)[0])
    return image.clamp(0, 1)


def _turn_hues(angle: float) -> Tensor:
    """The rotation of colors about the grays, (3, 3) (Rodrigues' formula)."""
    cross = _GREY * torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]])
    turn: Tensor = torch.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * (cross @ cross)
    return turn


def _noise(image: Tensor, chance: random.Random) -> Tensor:
    """Of normal distribution, gray or colored."""
    source = torch.Generator().manual_seed(chance.getrandbits(63))
    return torch.randn(chance.choice((1, 3)), *image.shape[1:], generator=source)

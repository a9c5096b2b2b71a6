"""Options of a texture. Does not import torch."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from impasto.device import DeviceName, PrecisionName
from impasto.errors import UsageError
from impasto.options import Layers, Pooling, StyleLoss, check_whole
from impasto.painting.options import Optimizer, PaintOptions


@dataclass(frozen=True)
class TextureOptions:
    """Options of a texture: immutable and checked, an invalid value raises UsageError.

    Attributes:
        size: (height, width) in pixels; or the long side, with the style's proportions.
        stroke_size: scale of the style; at 1 the style is resized to the texture's size, but never enlarged.
        style_layers: names with weights.
        iterations, seed, style_loss, optimizer, learning_rate, backbone, pooling, tile, device, precision: as
            in `PaintOptions`.
    """

    size: int | tuple[int, int] = 512
    stroke_size: float = PaintOptions.stroke_size
    iterations: int = 125
    seed: int = PaintOptions.seed
    style_loss: StyleLoss = PaintOptions.style_loss
    style_layers: Layers | str = "relu1_1,relu2_1,relu3_1,relu4_1"
    optimizer: Optimizer = PaintOptions.optimizer
    learning_rate: float | None = PaintOptions.learning_rate
    backbone: str = PaintOptions.backbone
    pooling: Pooling = PaintOptions.pooling
    tile: Literal["auto", "off"] | int = PaintOptions.tile
    device: DeviceName = PaintOptions.device
    precision: PrecisionName = PaintOptions.precision

    def __post_init__(self) -> None:
        sides = self.size if isinstance(self.size, tuple) else (self.size,)
        if len(sides) > 2:
            raise UsageError(f"size must be a number or (height, width), not {self.size}")
        for side in sides:
            check_whole("size", side, 16, 100_000)
        self.painting((16, 16), 1)

    def painting(self, canvas: tuple[int, int], scales: int) -> PaintOptions:
        """Options of the painting that makes the texture: from noise, without a photo."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values |= {"size": max(canvas), "scales": scales, "init": "noise", "strength": 1.0}
        return PaintOptions(**values)

"""Options of a texture. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from impasto.device import DeviceName, PrecisionName
from impasto.errors import UsageError
from impasto.options import Layers, Pooling, StyleLoss, check_whole
from impasto.painting.options import Optimizer, PaintOptions


@dataclass(frozen=True)
class TextureOptions:
    """Immutable and checked: a value that cannot mean anything raises UsageError.

    Attributes:
        size: (height, width) in pixels; or the long side, in the style's shape.
        stroke_size: the style's scale; at 1 it is as large as the texture, or as it is if that is smaller.
        style_layers: names with weights.
        iterations, seed, style_loss, optimizer, learning_rate, backbone, pooling, tile, device, precision: as
            of `PaintOptions`.
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
            raise UsageError(f"the size of a texture is a number or (height, width), not {self.size}")
        for side in sides:
            check_whole("size", side, 16, 100_000)
        self.painting((16, 16), 1)

    def painting(self, canvas: tuple[int, int], scales: int) -> PaintOptions:
        """The options of the painting, from noise, without a photo, that makes a texture."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values |= {"size": max(canvas), "scales": scales, "init": "noise", "strength": 1.0}
        return PaintOptions(**values)

"""Options of a painting and of a texture. Every default is defined here and nowhere else."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, Literal

from impasto.device import DeviceName, PrecisionName
from impasto.errors import UsageError
from impasto.options import (
    SUMMED,
    KeepColor,
    Layers,
    Pooling,
    StyleLoss,
    accepts_earlier_names,
    check_choice,
    check_range,
    check_whole,
    parse_layers,
)

Optimizer = Literal["lbfgs", "adam"]
STARTS = ("auto", "photo", "noise", "style", "instant")  # values of `init`; anything else is an image file
Effort = Literal["quick", "good", "best"]
GRADIENTS: dict[Effort, int] = {"quick": 25, "good": 50, "best": 90}
_CONTENT: dict[Effort, float] = {
    "quick": 0.05,
    "good": 0.05,
    "best": 0.026,
}  # weight of the style error, at strength 1/2
_FROM_NOISE = 2.5  # factor on the number of gradients: noise is far from every painting
LEAST_TILE = 64  # pixels; below, the margin of a tile is larger than the tile


@accepts_earlier_names
@dataclass(frozen=True)
class PaintOptions:
    """Options of a painting: immutable and checked, an invalid value raises UsageError.

    Attributes:
        size: long side of the result in pixels; None keeps the photo's size.
        strength: 0 keeps the photo, 0.25 gives it the style's light and visible strokes, 0.75 strokes
            everywhere, 1 a texture.
        effort: "quick" paints at 256 pixels and enlarges the picture along the photo's edges; "good" paints
            at the size; "best" paints 1.5 times as large and reduces the picture, in three times the time.
        iterations: total number of gradient evaluations, shared among the scales; None follows `effort`.
        scales: number of scales, or the long side of each in pixels; None doubles from 256 pixels, or from
            128 if `init` is noise, a style or a file.
        stroke_size: scale of the style relative to the picture.
        style_crop: "auto" leaves out frames, mats, margins and vignettes of style pictures; "off" keeps the
            whole picture; or the part to use: left, top, width and height in pixels.
        keep_color: how the photo's colors are kept: "luminance" and "lab-transfer" change what was painted,
            "histogram" changes the style beforehand (Gatys et al. 2016).
        keep_color_amount: 0 to 1.
        detail: share of the photo's fine structure that is put back into the painting, 0 to 1.
        init: "auto", the photo in the style's colors; "photo", "noise", "style"; "instant", the output of
            the adaptive network; or an image file.
        seed: seed of the noise.
        style_loss: "moments": mean and covariance; "gram"; "sliced": whole distributions, slower; "nearest":
            each position is made like some position of the style, slowest.
        content_layers, style_layers: names with weights; None takes relu3_1 and relu4_1 for content, and
            relu1_1 to relu5_1 for style.
        content_weight, style_weight, tv_weight: raw factors, which replace `strength`.
        normalize: errors relative to the targets. False gives the plain mean squares of the literature, Gram
            matrices divided by C h w, and the weights of the literature.
        optimizer, learning_rate: learning rate None means 1 for L-BFGS and 0.02 for Adam.
        backbone: "compact", "vgg19", "vgg16" or a weights file.
        pooling: pooling in the backbone: "l2", the smoothest; "max", as it was trained; or "average".
        tile: side in pixels of the tiles in which gradients are computed: exact, less memory, slower.
            "auto" uses tiles if the whole does not fit, "off" never. For "moments" and "gram" only.
        device, precision: "auto" takes the fastest that is available.
    """

    size: int | None = 512
    strength: float = 0.5
    effort: Effort = "good"
    iterations: int | None = None
    scales: int | tuple[int, ...] | None = None
    stroke_size: float = 1.0
    style_crop: Literal["auto", "off"] | tuple[int, int, int, int] = "auto"
    keep_color: KeepColor = "none"
    keep_color_amount: float = 1.0
    detail: float = 0.0
    init: str = "auto"
    seed: int = 0
    style_loss: StyleLoss = "moments"
    content_layers: Layers | None = None
    style_layers: Layers | None = None
    content_weight: float | None = None
    style_weight: float | None = None
    tv_weight: float | None = None
    normalize: bool = True
    optimizer: Optimizer = "lbfgs"
    learning_rate: float | None = None
    backbone: str = "compact"
    pooling: Pooling = "l2"
    tile: Literal["auto", "off"] | int = "auto"
    device: DeviceName = "auto"
    precision: PrecisionName = "auto"

    def __post_init__(self) -> None:
        object.__setattr__(self, "content_layers", parse_layers(self.content_layers))
        object.__setattr__(self, "style_layers", parse_layers(self.style_layers))
        object.__setattr__(self, "scales", _checked_scales(self.scales))
        check_choice("style_loss", self.style_loss, StyleLoss)
        check_choice("optimizer", self.optimizer, Optimizer)
        check_choice("effort", self.effort, Effort)
        check_choice("pooling", self.pooling, Pooling)
        check_choice("device", self.device, DeviceName)
        check_choice("precision", self.precision, PrecisionName)
        check_range("strength", self.strength, 0, 1)
        check_range("stroke_size", self.stroke_size, 0.05, 20)
        check_choice("keep_color", self.keep_color, KeepColor)
        check_range("keep_color_amount", self.keep_color_amount, 0, 1)
        check_range("detail", self.detail, 0, 1)
        if self.iterations is not None:
            check_whole("iterations", self.iterations, 1, 1_000_000)
        check_whole("seed", self.seed, 0, 2**63 - 1)
        self._check_style_crop()
        self._check_tile()
        if self.size is not None:
            check_whole("size", self.size, 16, 100_000)
        for name in ("content_weight", "style_weight", "tv_weight"):
            if (weight := getattr(self, name)) is not None:
                check_range(name, weight, 0, math.inf)
        if self.learning_rate is not None and not 0 < self.learning_rate < math.inf:
            raise UsageError(f"learning_rate must be positive, not {self.learning_rate}")

    def _check_style_crop(self) -> None:
        if self.style_crop in ("auto", "off"):
            return
        if isinstance(self.style_crop, str) or len(self.style_crop) != 4:
            raise UsageError(
                f"style_crop must be auto, off, or left, top, width and height, not {self.style_crop}"
            )
        for number, least in zip(self.style_crop, (0, 0, 1, 1), strict=True):
            check_whole("style_crop", number, least, 1_000_000)

    def _check_tile(self) -> None:
        if self.tile in ("auto", "off"):
            return
        if isinstance(self.tile, str):
            raise UsageError(f"tile must be auto, off or a number of pixels, not {self.tile}")
        check_whole("tile", self.tile, LEAST_TILE, 100_000)
        if self.style_loss not in SUMMED:
            raise UsageError(
                f"style_loss {self.style_loss} needs the whole picture at once and cannot be computed in "
                f"tiles: leave tile at auto, or choose {' or '.join(SUMMED)}"
            )

    @property
    def gradients(self) -> int:
        """Number of gradient evaluations, with the default filled in."""
        factor = _FROM_NOISE if self.init == "noise" else 1
        return self.iterations or round(factor * GRADIENTS[self.effort])

    @property
    def step_length(self) -> float:
        """Learning rate, with the default filled in."""
        return self.learning_rate or (1.0 if self.optimizer == "lbfgs" else 0.02)

    @property
    def weights(self) -> tuple[float, float, float]:
        """Factors of content, style and total variation.

        At strength 1/2 a content error counts 0.05 of a style error, which balances the two errors for all
        kinds of pictures, and less for `best`, which keeps more of the photo. Towards strengths 1 and 0 the
        ratio falls to 0 and rises to infinity.
        """
        style = (2 * self.strength) ** 2
        content = _CONTENT[self.effort] * (2 * (1 - self.strength)) ** 2
        defaults = (content, style, 0.05 * style) if self.normalize else (1.0, 1e6, 0.0)
        given = (self.content_weight, self.style_weight, self.tv_weight)
        content, style, tv = (d if g is None else g for g, d in zip(given, defaults, strict=True))
        return content, style, tv


def _checked_scales(value: Any) -> Any:
    """Check `scales`: None, a number from 1 up, or a tuple of such numbers."""
    many = value if isinstance(value, list | tuple) else () if value is None else (value,)
    for number in many:
        check_whole("scales", number, 1, 100_000)
    return tuple(value) if isinstance(value, list) else value


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

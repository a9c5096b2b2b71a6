"""What a painting can be asked for. Every default stands here and nowhere else."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal, get_args

from impasto.device import DeviceName, PrecisionName
from impasto.errors import UsageError

StyleLoss = Literal["gram", "moments"]
Optimizer = Literal["lbfgs", "adam"]
Layers = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class PaintOptions:
    """Immutable and checked: a value that cannot mean anything raises UsageError.

    Attributes:
        size: long side of the result in pixels; None keeps the photo's.
        strength: 0 leaves the photo, 1 forgets it.
        iterations: gradient evaluations in all, shared among the scales.
        scales: None doubles from 128 pixels; a number of scales; or the long sides.
        style_size: stroke size: the style's scale relative to the picture's.
        init: "photo", "noise", "style" or an image file.
        seed: of the noise.
        style_loss: "moments": mean and covariance, or "gram".
        content_layers, style_layers: names with weights; None takes relu3_1 and relu4_1 for content, and
            relu1_1 to relu5_1 for style.
        content_weight, style_weight, tv_weight: raw factors, which take the place of `strength`.
        normalise: errors relative to the targets. False gives the plain mean squares of the literature, Gram
            matrices divided by C h w, and weights as the literature has them.
        optimizer, learning_rate: None takes 1 for L-BFGS and 0.02 for Adam.
        backbone: "compact", "vgg19", "vgg16" or a weights file.
        pooling: "max" or "average".
        device, precision: "auto" takes the fastest that is here.
    """

    size: int | None = 512
    strength: float = 0.5
    iterations: int = 125
    scales: int | tuple[int, ...] | None = None
    style_size: float = 1.0
    init: str = "photo"
    seed: int = 0
    style_loss: StyleLoss = "moments"
    content_layers: Layers | None = None
    style_layers: Layers | None = None
    content_weight: float | None = None
    style_weight: float | None = None
    tv_weight: float | None = None
    normalise: bool = True
    optimizer: Optimizer = "lbfgs"
    learning_rate: float | None = None
    backbone: str = "compact"
    pooling: Literal["max", "average"] = "max"
    device: DeviceName = "auto"
    precision: PrecisionName = "auto"

    def __post_init__(self) -> None:
        object.__setattr__(self, "content_layers", parse_layers(self.content_layers))
        object.__setattr__(self, "style_layers", parse_layers(self.style_layers))
        object.__setattr__(self, "scales", _checked_scales(self.scales))
        _check_choice("style_loss", self.style_loss, StyleLoss)
        _check_choice("optimizer", self.optimizer, Optimizer)
        _check_choice("pooling", self.pooling, Literal["max", "average"])
        _check_choice("device", self.device, DeviceName)
        _check_choice("precision", self.precision, PrecisionName)
        _check_range("strength", self.strength, 0, 1)
        _check_range("style_size", self.style_size, 0.05, 20)
        _check_whole("iterations", self.iterations, 1, 1_000_000)
        _check_whole("seed", self.seed, 0, 2**63 - 1)
        if self.size is not None:
            _check_whole("size", self.size, 16, 100_000)
        for name in ("content_weight", "style_weight", "tv_weight"):
            if (weight := getattr(self, name)) is not None:
                _check_range(name, weight, 0, math.inf)
        if self.learning_rate is not None and not 0 < self.learning_rate < math.inf:
            raise UsageError(f"learning_rate must be positive, not {self.learning_rate}")

    @property
    def step_length(self) -> float:
        """The learning rate, resolved."""
        return self.learning_rate or (1.0 if self.optimizer == "lbfgs" else 0.02)

    @property
    def weights(self) -> tuple[float, float, float]:
        """Factors of content, style and total variation.

        At strength 1/2 a content error counts 0.04 of a style error, which balances the two for pictures of
        all kinds; towards the ends the ratio falls to 0 and rises to infinity.
        """
        style = (2 * self.strength) ** 2
        content = 0.04 * (2 * (1 - self.strength)) ** 2
        defaults = (content, style, 0.05 * style) if self.normalise else (1.0, 1e6, 0.0)
        given = (self.content_weight, self.style_weight, self.tv_weight)
        content, style, tv = (d if g is None else g for g, d in zip(given, defaults, strict=True))
        return content, style, tv


def parse_layers(value: str | Iterable[str | tuple[str, float]] | None) -> Layers | None:
    """Layers with weights from `relu1_1=0.5,relu2_1`, from names, or from pairs; None stays None."""
    if value is None:
        return None
    items = [item.strip() for item in value.split(",")] if isinstance(value, str) else list(value)
    layers = tuple(_parse_layer(item) for item in items if item)
    if not layers:
        raise UsageError("a list of layers is empty: write for instance relu1_1=0.5,relu2_1")
    if len({name for name, _ in layers}) < len(layers):
        raise UsageError(f"a layer is named twice in {', '.join(name for name, _ in layers)}")
    if not any(weight for _, weight in layers):
        raise UsageError(f"the weights of {', '.join(name for name, _ in layers)} are all 0")
    return layers


def _parse_layer(item: str | tuple[str, float]) -> tuple[str, float]:
    name, weight = (item.partition("=")[::2]) if isinstance(item, str) else item
    try:
        number = 1.0 if weight == "" else float(weight)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise UsageError(f"the weight of layer {name} must be a number from 0 up, not {weight}")
    return name.strip(), number


def _checked_scales(value: Any) -> Any:
    """None, a number from 1 up, or a tuple of such numbers."""
    many = value if isinstance(value, list | tuple) else () if value is None else (value,)
    for number in many:
        _check_whole("scales", number, 1, 100_000)
    return tuple(value) if isinstance(value, list) else value


def _check_choice(name: str, value: str, choices: Any) -> None:
    if value not in get_args(choices):
        raise UsageError(f"{name} must be one of {', '.join(get_args(choices))}, not {value}")


def _check_range(name: str, value: Any, least: float, most: float) -> None:
    if not (isinstance(value, Real) and least <= float(value) <= most and math.isfinite(value)):
        limits = f"from {least:g} to {most:g}" if math.isfinite(most) else f"a number from {least:g} up"
        raise UsageError(f"{name} must be {limits}, not {value}")


def _check_whole(name: str, value: Any, least: int, most: int) -> None:
    if not (isinstance(value, Integral) and least <= int(value) <= most):
        raise UsageError(f"{name} must be a whole number from {least} to {most}, not {value}")

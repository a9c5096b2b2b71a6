"""Options and metrics of an evaluation. All defaults are defined here; imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from impasto.device import DeviceName
from impasto.options import check_choice, check_whole

Also = Literal["lpips", "artfid"]
EngineName = Literal["stylize", "paint"]
LEAST_SIZE = 64  # pixels; smaller pictures do not reach the deepest layer with anything to average


@dataclass(frozen=True)
class Metric:
    """A number of a picture.

    Attributes:
        name: in words.
        short: the same for a narrow column.
        of: "style", "content" or "cost": what it is a number of.
        less: whether less of it is better.
        places: decimals that tell something.
    """

    name: str
    short: str
    of: Literal["style", "content", "cost"]
    less: bool = True
    places: int = 3


METRICS: Mapping[str, Metric] = {
    "moments": Metric("style error (moments)", "style (moments)", "style"),
    "gram": Metric("style error (Gram)", "style (Gram)", "style"),
    "content": Metric("content error", "content", "content", places=2),
    "layout": Metric("layout", "layout", "content", places=2),
    "ssim": Metric("SSIM", "SSIM ↑", "content", less=False, places=2),
    "lpips": Metric("LPIPS", "LPIPS", "content"),
    "seconds": Metric("seconds a picture", "seconds", "cost", places=2),
}
STYLE, CONTENT = "moments", "content"  # the two that are set against each other


@dataclass(frozen=True)
class EngineSpec:
    """A way to make the pictures, the options that it is given, and what its column is called."""

    name: str
    engine: EngineName
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class EvaluateOptions:
    """Immutable and checked: a value that cannot mean anything raises UsageError.

    Attributes:
        size: long side in pixels at which everything is compared.
        backbone: "compact", "vgg19", "vgg16" or a weights file, whose features are compared.
        resamples: of the bootstrap.
        seed: of the bootstrap.
        device: where features are computed; "auto" takes the fastest that is here.
    """

    size: int = 512
    backbone: str = "compact"
    resamples: int = 2000
    seed: int = 0
    device: DeviceName = "auto"

    def __post_init__(self) -> None:
        check_whole("size", self.size, LEAST_SIZE, 8192)
        check_whole("resamples", self.resamples, 100, 1_000_000)
        check_whole("seed", self.seed, 0, 2**63 - 1)
        check_choice("device", self.device, DeviceName)

"""Options and metrics of an evaluation. All defaults are defined here; does not import torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from impasto.device import DeviceName
from impasto.options import check_choice, check_whole

Also = Literal["lpips", "artfid"]
EngineName = Literal["stylize", "paint"]
LEAST_SIZE = 64  # pixels; smaller pictures have too few positions at the deepest layer


@dataclass(frozen=True)
class Metric:
    """Metric of a picture.

    Attributes:
        name: full name.
        short: name for a narrow column.
        of: property that is measured: "style", "content" or "cost".
        less: True if smaller values are better.
        places: number of significant decimals.
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
STYLE, CONTENT = "moments", "content"  # the two axes of the plot


@dataclass(frozen=True)
class EngineSpec:
    """Engine that makes pictures, with its options and the name of its column."""

    name: str
    engine: EngineName
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class EvaluateOptions:
    """Options of an evaluation: immutable and checked, an invalid value raises UsageError.

    Attributes:
        size: long side in pixels at which pictures are compared.
        backbone: network whose features are compared: "compact", "vgg19", "vgg16" or a weights file.
        resamples: number of draws of the bootstrap.
        seed: seed of the bootstrap.
        device: device that computes features; "auto" takes the fastest that is available.
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

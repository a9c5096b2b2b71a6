"""Options of trainings. All defaults are defined here."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from impasto.device import DeviceName, PrecisionName
from impasto.errors import UsageError
from impasto.options import (
    Layers,
    Pooling,
    StyleLoss,
    accepts_earlier_names,
    check_choice,
    check_range,
    check_whole,
    parse_layers,
)

Schedule = Literal["onecycle", "cosine", "constant"]
PrimingLoss = Literal["pixels", "content"]


@dataclass(frozen=True)
class LoopOptions:
    """Options shared by training and priming. Immutable and checked.

    Attributes:
        network: "light", "transformer_net", "encoder_decoder" or "unet".
        skips: levels of the U-Net with a skip; None leaves out the longest skip.
        minutes: duration that the schedule is fitted to; ignored if `steps` is given.
        steps: number of gradient steps.
        size: side of the training crops in pixels.
        batch: photos per pass through the network, over all processes.
        accumulate: passes whose gradients make a step, for batches too large for memory.
        learning_rate: learning rate at the peak of the schedule.
        schedule: "onecycle" rises for a tenth of the time and falls to nearly zero by a cosine, and momentum
            does the opposite; "cosine" only falls; "constant" stays.
        weight_decay: decoupled, as in AdamW.
        clip: largest norm of the gradient.
        seed: seed of weights, order and crops.
        workers: processes that read photos; None takes one on a CPU, and up to eight with a GPU.
        augment: vary crops more, in position, size, angle and color; None does so below 500 photos.
        device, precision: "auto" takes the fastest that is available.
    """

    network: str = "light"
    skips: tuple[int, ...] | None = None
    minutes: float = 15.0
    steps: int | None = None
    size: int = 256
    batch: int = 2
    accumulate: int = 1
    learning_rate: float = 3e-3
    schedule: Schedule = "onecycle"
    weight_decay: float = 0.0
    clip: float = 1.0
    seed: int = 0
    workers: int | None = None
    augment: bool | None = None
    device: DeviceName = "auto"
    precision: PrecisionName = "auto"

    def __post_init__(self) -> None:
        check_choice("schedule", self.schedule, Schedule)
        check_choice("device", self.device, DeviceName)
        check_choice("precision", self.precision, PrecisionName)
        check_whole("size", self.size, 32, 4096)
        check_whole("batch", self.batch, 1, 4096)
        check_whole("accumulate", self.accumulate, 1, 4096)
        check_whole("seed", self.seed, 0, 2**63 - 1)
        check_range("weight_decay", self.weight_decay, 0, 10)
        for name in ("minutes", "learning_rate", "clip"):
            if not 0 < getattr(self, name) < math.inf:
                raise UsageError(f"{name} must be positive, not {getattr(self, name)}")
        if self.steps is not None:
            check_whole("steps", self.steps, 1, 100_000_000)
        if self.workers is not None:
            check_whole("workers", self.workers, 0, 256)


@accepts_earlier_names
@dataclass(frozen=True)
class TrainOptions(LoopOptions):
    """Options for training a network for a style.

    Attributes:
        style_size: long side in pixels to which the style is resized; larger sizes give larger strokes.
        content_weight, style_weight, tv_weight: factors of content, style and total variation.
        lattice_weight: factor of patterns that repeat every 8 pixels, the grid that networks leave in plain
            skies.
        light_weight: factor of the large-scale light and color of the recolored photo.
        recolor: take content from photos in the style's colors, not from the original photos.
        pooled: share of the style error that is computed for all photos of a step together, for the style
            losses "moments" and "gram".
        style_loss: "moments", means and covariances; "gram"; "sliced", whole distributions; or "nearest", the
            most similar positions.
        content_layers, style_layers: names with weights; None takes the layers of painting.
        normalize: errors relative to their targets; False gives the plain mean squares of the literature.
        backbone: "compact", "vgg19", "vgg16" or a weights file.
        pooling: pooling in the backbone.
    """

    batch: int = 4
    style_size: int = 512
    content_weight: float = 0.06
    style_weight: float = 1.0
    tv_weight: float = 0.05
    lattice_weight: float = 30.0
    light_weight: float = 0.05
    recolor: bool = True
    pooled: float = 0.7
    style_loss: StyleLoss = "moments"
    content_layers: Layers | None = None
    style_layers: Layers | None = None
    normalize: bool = True
    backbone: str = "compact"
    pooling: Pooling = "l2"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "content_layers", parse_layers(self.content_layers))
        object.__setattr__(self, "style_layers", parse_layers(self.style_layers))
        check_choice("style_loss", self.style_loss, StyleLoss)
        check_choice("pooling", self.pooling, Pooling)
        check_whole("style_size", self.style_size, 32, 8192)
        check_range("pooled", self.pooled, 0, 1)
        for name in ("content_weight", "style_weight", "tv_weight", "lattice_weight", "light_weight"):
            check_range(name, getattr(self, name), 0, math.inf)


@dataclass(frozen=True)
class AdaptOptions(LoopOptions):
    """Options for training the adaptive network.

    Attributes:
        window: side in pixels of the crops of style pictures.
        content_weight, style_weight, tv_weight, lattice_weight, light_weight, pooled: as in `TrainOptions`.
    """

    minutes: float = 120.0
    size: int = 192
    batch: int = 4
    learning_rate: float = 1.2e-3
    weight_decay: float = 0.01
    window: int = 320
    content_weight: float = TrainOptions.content_weight
    style_weight: float = TrainOptions.style_weight
    tv_weight: float = TrainOptions.tv_weight
    lattice_weight: float = TrainOptions.lattice_weight
    light_weight: float = TrainOptions.light_weight
    pooled: float = TrainOptions.pooled

    def __post_init__(self) -> None:
        super().__post_init__()
        check_whole("window", self.window, 64, 4096)
        check_range("pooled", self.pooled, 0, 1)
        for name in ("content_weight", "style_weight", "tv_weight", "lattice_weight", "light_weight"):
            check_range(name, getattr(self, name), 0, math.inf)


@dataclass(frozen=True)
class PrimeOptions(LoopOptions):
    """Options for identity pretraining (priming), before a style is learned.

    Attributes:
        loss: "pixels": mean square over the colors; "content": over relu1_1 of the backbone.
        backbone: backbone of the content loss.
    """

    loss: PrimingLoss = "pixels"
    backbone: str = "compact"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("loss", self.loss, PrimingLoss)

"""Build the objective of a training: for a style picture, or for identity pretraining."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import torch
from torch import Tensor

from impasto import backbones
from impasto.device import resolve_precision
from impasto.errors import UsageError
from impasto.imaging import io
from impasto.imaging.color_transfer import color_moments
from impasto.imaging.geometry import fit_long_side, resize
from impasto.imaging.style import read_style
from impasto.options import Layers
from impasto.perception import Perception
from impasto.training.objective import FLAT, BatchObjective, PrimingObjective, StyleObjective
from impasto.training.options import PrimeOptions, TrainOptions
from impasto.weights import ProgressCallback


@dataclass(frozen=True)
class BuiltObjective:
    """An objective, and fingerprints of its inputs, which must match when a checkpoint is resumed."""

    objective: BatchObjective[Tensor]
    made_of: dict[str, str] = field(default_factory=dict)


def style_objective(
    style: io.Source,
    options: TrainOptions,
    device: torch.device,
    on_download: ProgressCallback | None = None,
) -> BuiltObjective:
    """The objective for a style. Raises ImageError and WeightsError for unreadable files, and UsageError."""
    image, info = read_style(style)
    perception = _perceive(options, options.content_layers, options.style_layers, device, on_download)
    layers = [name for name, _ in (*perception.content_layers, *perception.style_layers)]
    if options.size < (least := perception.backbone.least_side(layers)):
        raise UsageError(
            f"crops of {options.size} pixels are too small for {options.backbone}, which needs {least}: "
            "choose a larger size= or shallower layers"
        )
    size = fit_long_side(info.size, options.style_size)
    seen = resize(image[None], size).to(device)
    alpha = None if info.alpha is None else resize(info.alpha[None], size).to(device)
    with torch.no_grad():
        terms = perception.style_terms(seen, alpha)
    colors = color_moments(seen[0], None if alpha is None else alpha[0]) if options.recolor else None
    digest = hashlib.sha256(image.numpy().tobytes()).hexdigest()[:16]
    return BuiltObjective(StyleObjective(perception, terms, options, colors), {"style picture": digest})


def priming_objective(
    options: PrimeOptions, device: torch.device, on_download: ProgressCallback | None = None
) -> BuiltObjective:
    """The objective of identity pretraining."""
    if options.loss == "pixels":
        return BuiltObjective(PrimingObjective())
    return BuiltObjective(
        PrimingObjective(_perceive(options, (("relu1_1", 1.0),), None, device, on_download))
    )


def _perceive(
    options: TrainOptions | PrimeOptions,
    content: Layers | None,
    style: Layers | None,
    device: torch.device,
    on_download: ProgressCallback | None,
) -> Perception:
    known = options if isinstance(options, TrainOptions) else TrainOptions(backbone=options.backbone)
    backbone = backbones.load(known.backbone, pooling=known.pooling, on_progress=on_download)
    return Perception(
        backbone.to(device, memory_format=torch.channels_last),  # type: ignore[call-overload]
        content,
        style,
        style_loss=known.style_loss,
        normalise=known.normalise,
        dtype=resolve_precision(options.precision, device),
        flat=FLAT,
    )

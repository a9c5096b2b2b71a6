"""Estimate what a training takes before it starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from impasto import networks
from impasto.device import peak_memory
from impasto.training.checkpoints import TrainingPlan, TrainStep
from impasto.training.options import TrainOptions
from impasto.training.photos import Photos
from impasto.training.train import find_rate

_TRIAL_STEPS = 5
_VALIDATIONS = 1.04  # times as long, as held-out photos are looked at now and then
_CARD_BYTES = 2 * 2  # of a parameter: the card, and the last weights beside it
_CHECKPOINT_BYTES = 4 * 8  # weights, the best of them, two moments, and those of the last good step
_SAMPLE_BYTES = 25 * 8 / 4  # of a crop's pixel: 25 pictures of four photos and their results, as JPEG


@dataclass(frozen=True)
class TrainingCost:
    """Of a training on this machine: steps, seconds, bytes on the disk, and of memory where it is known."""

    steps: int
    seconds: float
    size: float
    memory: int | None


def estimate_training(style: Path, options: TrainOptions, photos: Photos) -> TrainingCost:
    """Make a few steps, from random weights, and write nothing. Raises as `train` does."""
    moments = [monotonic()]

    def count(step: TrainStep) -> None:
        moments.append(monotonic())

    find_rate(style, options, TrainingPlan(photos, Path("trial.safetensors"), on_step=count), _TRIAL_STEPS)
    first = min(1, len(moments) - 2)  # the first step takes longer, as all gets ready
    step = (moments[-1] - moments[first]) / max(1, len(moments) - 1 - first) * _VALIDATIONS
    steps = max(1, round(60 * options.minutes / step)) if options.steps is None else options.steps
    seconds = 60 * options.minutes if options.steps is None else steps * step
    config = {} if options.skips is None else {"skips": list(options.skips)}
    network = networks.build(options.network, **config)
    parameters = sum(weight.numel() for weight in network.parameters())
    size = parameters * (_CARD_BYTES + _CHECKPOINT_BYTES) + _SAMPLE_BYTES * options.size**2
    return TrainingCost(steps, seconds, size, peak_memory())

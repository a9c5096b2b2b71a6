"""Estimate the duration of a painting before it starts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from math import prod

from torch import Tensor

from impasto.painting.memory import Memory
from impasto.painting.objective import Style
from impasto.painting.scales import Scale, paint_steps

_TRIAL_SIDE = 192  # pixels; large enough that the fixed cost of a gradient does not dominate


def estimate_seconds(
    photo: Tensor,
    styles: Sequence[Style],
    memory: Memory,
    scales: Sequence[Scale],
    regions: Sequence[Tensor] = (),
) -> float:
    """Estimate the seconds of painting on this machine: time two small gradients, and scale by pixels."""
    side = min(_TRIAL_SIDE, max(scales[-1].size))
    trial = replace(memory.options, size=side, scales=1, iterations=4, init="photo", tile="off")
    steps = paint_steps(photo, styles, memory.backbone, trial, regions=regions)
    seen = [(time.perf_counter(), step.size) for step in steps]
    (started, _), (ended, size) = seen[1], seen[-1]  # the first gradient of a process is slower
    per_pixel = (ended - started) / (len(seen) - 2) / prod(size)
    return per_pixel * sum(memory.pixels(scale.size, scale.iterations) * scale.iterations for scale in scales)

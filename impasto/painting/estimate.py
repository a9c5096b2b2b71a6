"""What a painting will cost, before it starts: peak memory, and seconds."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from math import prod

import torch
from torch import Tensor

from impasto.backbones import Backbone
from impasto.errors import MemoryLimitError
from impasto.imaging.geometry import fit_long_side
from impasto.painting.objective import Style
from impasto.painting.options import PaintOptions
from impasto.painting.scales import Scale, paint_steps
from impasto.perception import resolve_layers

_PAIRS = 12  # of L-BFGS, two images each
_OTHER_IMAGES = 12  # photo, iterates, gradient, direction, the smoothness term's differences
LIBRARIES = 350 << 20  # bytes that Python and torch take
_LEAST_SIDE = 64  # pixels; no advice to paint smaller
_TRIAL_SIDE = 192  # pixels; large enough that the fixed cost of a gradient does not rule


def estimate_memory(
    size: tuple[int, int], backbone: Backbone, options: PaintOptions, dtype: torch.dtype
) -> int:
    """Peak bytes of the whole process while painting at this (height, width).

    The larger of two moments counts: encoding the style, taken to be square, and a gradient.
    """
    kept, widest = _activations(size, backbone, options, dtype)
    side = round(max(size) * options.style_size)
    of_style, widest_of_style = _activations((side, side), backbone, options, dtype)
    images = 4 * 3 * prod(size) * (2 * _PAIRS * (options.optimizer == "lbfgs") + _OTHER_IMAGES)
    return max(kept + widest + images, of_style // 2 + widest_of_style) + LIBRARIES


def _activations(
    size: tuple[int, int], backbone: Backbone, options: PaintOptions, dtype: torch.dtype
) -> tuple[int, int]:
    """Bytes that are kept for a gradient, and those at the widest place while it passes.

    Kept are the convolutions' outputs in `dtype` and, at the layers that are looked at, copies in float32.
    """
    content, style = resolve_layers(backbone, options.content_layers, options.style_layers)
    looked_at = {name for name, _ in (*content, *style)}
    element = 2 if dtype == torch.bfloat16 else 4
    channels, (height, width) = 3, size
    total = widest = 0
    for name in backbone.path_to(looked_at):
        if name.startswith("pool"):
            height, width = height // 2, width // 2
        elif name.startswith("conv"):
            channels = backbone.width_of(name)
        values = channels * height * width
        total += values * (element * (not name.startswith("relu")) + 8 * (name in looked_at))
        widest = max(widest, values * (element + 4))
    return total, widest


def check_memory(
    size: tuple[int, int], backbone: Backbone, options: PaintOptions, dtype: torch.dtype, available: int
) -> None:
    """Raise MemoryLimitError, naming a size that fits, if painting needs more than `available` bytes.

    The libraries are loaded by then, and do not count.
    """

    def lacks(side: int) -> bool:
        needed = estimate_memory(fit_long_side(size, side), backbone, options, dtype)
        return needed - LIBRARIES > available

    if not lacks(max(size)):
        return
    side = max(size)
    while side >= _LEAST_SIDE and lacks(side):
        side = int(side * 0.9)
    needed = estimate_memory(size, backbone, options, dtype)
    advice = f"try --size {side}" if side >= _LEAST_SIDE else "close other programs"
    raise MemoryLimitError(
        f"painting at {max(size)} pixels needs about {needed / 2**30:.1f} GB of memory and "
        f"{available / 2**30:.1f} GB are free: {advice}"
    )


def estimate_seconds(
    photo: Tensor, styles: Sequence[Style], backbone: Backbone, options: PaintOptions, scales: Sequence[Scale]
) -> float:
    """Seconds of painting on this machine now: two small gradients are timed, and pixels counted."""
    side = min(_TRIAL_SIDE, max(scales[-1].size))
    trial = replace(options, size=side, scales=1, iterations=4, init="photo")
    seen = [(time.perf_counter(), step.size) for step in paint_steps(photo, styles, backbone, trial)]
    (started, _), (ended, size) = seen[1], seen[-1]  # the first gradient of a process is slower
    per_pixel = (ended - started) / (len(seen) - 2) / prod(size)
    return per_pixel * sum(prod(scale.size) * scale.iterations for scale in scales)

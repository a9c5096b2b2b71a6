"""What makes a picture of each frame of a video."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from impasto.backbones import Backbone
from impasto.imaging.flow import FlowEstimator, carry
from impasto.imaging.video.clip import Pixels
from impasto.painting.objective import Style
from impasto.painting.options import PaintOptions
from impasto.painting.scales import paint_steps
from impasto.stylizing.stylizer import Stylizer

State = Mapping[str, Pixels]


class FrameStyler(Protocol):
    """Frames in their order, (H, W, 3) RGB of uint8, to pictures of the same size.

    `part_frames` is how many of them a kill may cost.
    """

    part_frames: int

    def __call__(self, photo: Pixels) -> Pixels: ...

    @property
    def state(self) -> State:
        """What the next picture depends on beside its photo."""
        ...

    def restore(self, state: State) -> None:
        """Go on from a state."""
        ...


class NetworkStyler:
    """A style card, applied to each frame by itself."""

    part_frames = 250

    def __init__(self, stylizer: Stylizer) -> None:
        self._stylizer = stylizer

    def __call__(self, photo: Pixels) -> Pixels:
        return self._stylizer.frame(photo)

    @property
    def state(self) -> State:
        return {}

    def restore(self, state: State) -> None:
        """There is nothing to go on from."""


class PaintStyler:
    """Painting by optimisation (Ruder et al. 2016): each frame starts from the one before, moved along.

    What was hidden there starts from the photo. The first frame is painted from coarse to fine, the others
    at their full size, for a share of the gradients.

    Args:
        styles, backbone, options: as `painting.scales.paint_steps` takes them; `options.size` is the frame's.
        iterations: gradients for every frame but the first.
    """

    part_frames = 10

    def __init__(
        self, styles: list[Style], backbone: Backbone, options: PaintOptions, iterations: int = 25
    ) -> None:
        self._styles, self._backbone = styles, backbone
        self._options = replace(options, size=None)
        self._next = replace(self._options, init="the frame before", scales=1, iterations=iterations)
        self._flow = FlowEstimator("medium")
        self._before: tuple[Pixels, Pixels] | None = None  # photo, picture

    def __call__(self, photo: Pixels) -> Pixels:
        if self._before is None or self._before[0].shape != photo.shape:
            steps = paint_steps(_tensor(photo), self._styles, self._backbone, self._options)
        else:
            start = _tensor(self._start(photo, *self._before))
            steps = paint_steps(_tensor(photo), self._styles, self._backbone, self._next, start)
        for step in steps:
            last = step
        picture = _pixels(last.image)
        self._before = photo, picture
        return picture

    @property
    def state(self) -> State:
        if self._before is None:
            return {}
        return {"painted_photo": self._before[0], "painted": self._before[1]}

    def restore(self, state: State) -> None:
        with suppress(KeyError):
            self._before = state["painted_photo"], state["painted"]

    def _start(self, photo: Pixels, before: Pixels, painted: Pixels) -> Pixels:
        motion = self._flow(photo, before)
        return np.where(motion.seen[..., None] > 0, carry(painted, motion.flow, sharp=True), photo)


def _tensor(pixels: Pixels) -> Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1).float() / 255


def _pixels(image: Tensor) -> Pixels:
    pixels: Pixels = image.permute(1, 2, 0).mul(255).round().byte().contiguous().numpy()
    return pixels

"""Stylers: make a picture of each frame of a video."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

import numpy as np

from impasto.backbones import Backbone
from impasto.imaging.detail import enlarge_along
from impasto.imaging.flow import FlowEstimator, carry
from impasto.imaging.video.clip import Pixels
from impasto.painting.objective import Style
from impasto.painting.options import PaintOptions
from impasto.painting.scales import paint_steps
from impasto.stylizing.pixels import as_image, as_pixels
from impasto.stylizing.regions import RegionWeights
from impasto.stylizing.scene_cuts import is_cut
from impasto.stylizing.stylizer import Stylizer

StylerState = Mapping[str, Pixels]


class FrameStyler(Protocol):
    """Frames in their order, (H, W, 3) RGB of uint8, to pictures of the same size.

    `part_frames` is how many of them a kill may cost.
    """

    part_frames: int

    def __call__(self, photo: Pixels) -> Pixels: ...

    @property
    def state(self) -> StylerState:
        """State that the next picture depends on, beside its photo."""
        ...

    def restore(self, state: StylerState) -> None:
        """Go on from a state."""
        ...


class NetworkStyler:
    """Networks, applied to each frame by itself; postprocessing is not part of it."""

    part_frames = 250

    def __init__(self, stylizer: Stylizer) -> None:
        self._stylizer = stylizer

    def __call__(self, photo: Pixels) -> Pixels:
        return self._stylizer.paint_frame(photo)

    @property
    def state(self) -> StylerState:
        return {}

    def restore(self, state: StylerState) -> None:
        """There is nothing to go on from."""


class PaintStyler:
    """Painting by optimisation (Ruder et al. 2016): each frame starts from the one before, moved along.

    What was hidden there starts from the photo. The first frame is painted from coarse to fine, the others
    at their full size, for a share of the gradients.

    Args:
        styles, backbone, options: as `painting.scales.paint_steps` takes them; `options.size` is the frame's.
        iterations: gradients for every frame but the first.
        shares: where each region's styles hold; None for everywhere.
        cuts: begin anew where a scene does.
    """

    part_frames = 10

    def __init__(
        self,
        styles: list[Style],
        backbone: Backbone,
        options: PaintOptions,
        iterations: int = 25,
        shares: RegionWeights | None = None,
        *,
        cuts: bool = True,
    ) -> None:
        self._styles, self._backbone = styles, backbone
        self._options = replace(options, size=None)
        self._next = replace(self._options, init="the frame before", scales=1, iterations=iterations)
        self._shares = shares or RegionWeights([], base=True)
        self._flow, self._cuts = FlowEstimator("medium"), cuts
        self._before: tuple[Pixels, Pixels] | None = None  # photo, picture

    def __call__(self, photo: Pixels) -> Pixels:
        image, start, options = as_image(photo), None, self._options
        if self._before and self._goes_on(photo, *self._before):
            start, options = as_image(self._start(photo, *self._before)), self._next
        regions = self._shares.parts((photo.shape[0], photo.shape[1])) if self._shares.digests else ()
        steps = paint_steps(image, self._styles, self._backbone, options, start, regions)
        for step in steps:
            last = step
        picture = as_pixels(enlarge_along(last.image, image))  # quick and best paintings have other sizes
        self._before = photo, picture
        return picture

    @property
    def state(self) -> StylerState:
        if self._before is None:
            return {}
        return {"painted_photo": self._before[0], "painted": self._before[1]}

    def restore(self, state: StylerState) -> None:
        with suppress(KeyError):
            self._before = state["painted_photo"], state["painted"]

    def _goes_on(self, photo: Pixels, before: Pixels, painted: Pixels) -> bool:
        if not before.shape == painted.shape == photo.shape:
            return False
        return not (self._cuts and is_cut(before, photo))

    def _start(self, photo: Pixels, before: Pixels, painted: Pixels) -> Pixels:
        motion = self._flow(photo, before)
        return np.where(motion.seen[..., None] > 0, carry(painted, motion.flow, sharp=True), photo)

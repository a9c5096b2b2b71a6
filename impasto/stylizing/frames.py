"""Make the pictures of a video's frames: painted, held still, and carried along between."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from threading import Lock
from typing import Protocol

import numpy as np

from impasto.backbones import Backbone
from impasto.imaging.detail import enlarge_along
from impasto.imaging.flow import FlowEstimator, carry
from impasto.imaging.masks import RegionWeights
from impasto.imaging.video.clip import Frame, Pixels
from impasto.painting.objective import Style
from impasto.painting.options import PaintOptions
from impasto.painting.scales import paint_steps
from impasto.stylizing.motion import Between, TemporalSmoother, is_cut
from impasto.stylizing.pixels import as_image, as_pixels
from impasto.stylizing.stylizer import Stylizer
from impasto.stylizing.threads import prefetch

StylerState = Mapping[str, Pixels]
_PHOTO, _PICTURE = "key_photo", "key_picture"  # in a state: those before a photo that is not painted


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


@dataclass(frozen=True)
class ShownFrame:
    """A photo with its picture, and what the next one depends on."""

    photo: Frame
    picture: Pixels
    state: StylerState


@dataclass(frozen=True)
class _Left:
    """A photo that is not painted: its picture is carried from those before and after it."""

    photo: Frame


class Sequence:
    """Makes pictures of photos; reading and painting run ahead, each in a thread.

    Args:
        styler: paints.
        steady: hold pictures still along the motion of the photos.
        fast: paint every second photo only. Its picture is carried to the one between, unless too much of
            that cannot be followed. What `styler` paints must not depend on the photos before.
        cuts: neither steady nor carry across scene cuts.
    """

    def __init__(self, styler: FrameStyler, *, steady: bool, fast: bool, cuts: bool = True) -> None:
        self._styler, self._alone = styler, Lock()
        self._steadier = TemporalSmoother(cuts=cuts) if steady else None
        self._between = Between(cuts=cuts) if fast else None
        self._key: tuple[Pixels, Pixels] | None = None  # photo and picture before one that is left out

    def restore(self, state: StylerState) -> None:
        """Go on from a state."""
        self._styler.restore(state)
        if self._steadier:
            self._steadier.restore(state)
        self._key = (state[_PHOTO], state[_PICTURE]) if _PHOTO in state else None

    def __call__(self, photos: Iterable[Frame]) -> Generator[ShownFrame, None, None]:
        read = prefetch(photos)
        if self._between is None:
            return (self._show(painted) for painted in prefetch(self._paint(photo) for photo in read))
        return self._filled(self._between, prefetch(self._every_second(read)))

    def _paint(self, photo: Frame) -> ShownFrame:
        with self._alone:  # two threads paint where a photo is found late to need it
            return ShownFrame(photo, self._styler(photo.pixels), self._styler.state)

    def _show(self, painted: ShownFrame) -> ShownFrame:
        """Stabilize a painted frame."""
        if self._steadier is None:
            return painted
        picture = self._steadier(painted.photo.pixels, painted.picture)
        return ShownFrame(painted.photo, picture, {**painted.state, **self._steadier.state})

    def _every_second(self, photos: Iterator[Frame]) -> Iterator[ShownFrame | _Left]:
        """The one that is left out comes once the one after it is painted; the last is painted."""
        left = next(photos, None) if self._key else None
        for photo in photos:
            painted = self._paint(photo)
            if left:
                yield _Left(left)
            yield painted
            left = next(photos, None)
        if left:
            yield self._paint(left)

    def _filled(
        self, between: Between, items: Iterable[ShownFrame | _Left]
    ) -> Generator[ShownFrame, None, None]:
        left: Frame | None = None
        for item in items:
            if isinstance(item, _Left):
                left = item.photo
                continue
            way = None
            if left and self._key:
                way = between.find(left.pixels, self._key[0], item.photo.pixels)
            if left and way is None:
                yield self._show(self._paint(left))
            state = self._steadier.state if self._steadier else {}  # before the picture after it counts
            shown = self._show(item)
            if left and way and self._key:
                yield ShownFrame(left, between(way, self._key[1], shown.picture), state)
            self._key, left = (item.photo.pixels, shown.picture), None
            yield replace(shown, state={**shown.state, _PHOTO: self._key[0], _PICTURE: self._key[1]})

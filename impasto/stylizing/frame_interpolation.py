"""The picture of a frame between two that networks painted: half the work, where motion can be followed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from impasto.imaging.flow import Floats, FlowFrame, load_opencv
from impasto.stylizing.optical_flow import Follower
from impasto.stylizing.scene_cuts import is_cut

_FOUND = 0.25  # of trust: less is nothing that can be shown
_LEAST = 0.9  # of the photo that must be found again before or after
_CERTAIN = 0.98  # share of the frame before that hides the one after


@dataclass(frozen=True)
class Path:
    """Motion of a frame's pixels to the frames before and after it.

    Attributes:
        before, after: flows, (h, w, 2) in pixels of the reduced photos.
        share: of the frame before, (h, w) in [0, 1].
    """

    before: Floats
    after: Floats
    share: Floats


class Between:
    """Each pixel comes from the frame before, or, where that cannot be trusted, from the one after.

    It is taken from one of them as far as possible: the mean of two textures is flatter than either.

    Args:
        cuts: carry nothing to a frame beside a scene cut.
    """

    def __init__(self, *, cuts: bool = True) -> None:
        self._cv2, self._follower, self._cuts = load_opencv(), Follower(), cuts

    def find(self, photo: FlowFrame, before: FlowFrame, after: FlowFrame) -> Path | None:
        """The way to a photo from its neighbours, all of one size; None where too much cannot be followed."""
        now, first, last = (self._follower.reduce(frame) for frame in (photo, before, after))
        if self._cuts and (is_cut(first, now) or is_cut(now, last)):
            return None
        back, trust = self._follower.find(now, first)
        forth, other = self._follower.find(now, last)
        if (np.maximum(trust, other) > _FOUND).mean() < _LEAST:
            return None
        own, rest = trust + 1e-3, (1 - trust) * other + 1e-3  # half of each where neither is known
        share: Floats = (own / (own + rest)).astype(np.float32)
        return Path(back, forth, share)

    def __call__(self, path: Path, before: FlowFrame, after: FlowFrame) -> FlowFrame:
        """The picture between two, (H, W, 3)."""
        carried = self._follower.carry(before, path.before)
        if path.share.min() > _CERTAIN:
            return carried
        height, width = before.shape[:2]
        share = self._cv2.resize(path.share, (width, height))
        after = self._follower.carry(after, path.after)
        mixed: FlowFrame = self._cv2.blendLinear(carried, after, share, 1 - share)
        return mixed

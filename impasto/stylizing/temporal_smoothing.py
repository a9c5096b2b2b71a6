"""A style that holds still: each frame continues the one before along the motion of the photo."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from impasto.errors import UsageError
from impasto.imaging.flow import Floats, FlowFrame, load_opencv
from impasto.stylizing.optical_flow import Follower
from impasto.stylizing.scene_cuts import is_cut

_SHARE = 0.8  # of the frame before, where it can be trusted
_WINDOW = 15  # pixels, in which contrast is compared
_MOST_GAIN = 1.2  # more brings out specks, which the next frame then inherits


class TemporalSmoother:
    """Blends each styled frame with the one before, carried along the motion of the photos.

    Neither what was hidden before nor what looks otherwise now is taken over, so that nothing leaves a ghost
    behind. As a mean of two textures is flatter than either, contrast is brought back to that of the new
    frame, window by window.

    Args:
        cuts: begin anew where a scene does.
    """

    def __init__(self, *, cuts: bool = True) -> None:
        self._cuts = cuts
        self._cv2 = load_opencv()
        self._follower = Follower()
        self._photo: FlowFrame | None = None  # the photo before, small
        self._picture: FlowFrame | None = None  # the picture before, as it was shown

    def __call__(self, photo: FlowFrame, styled: FlowFrame) -> FlowFrame:
        """The picture to show for a photo and what the network made of it, both (H, W, 3) of one size."""
        if photo.shape != styled.shape:
            raise UsageError(f"a photo of {photo.shape} and a picture of {styled.shape} are not of one frame")
        small = self._follower.reduce(photo)
        picture = styled
        if (
            self._photo is not None
            and self._picture is not None
            and (self._photo.shape, self._picture.shape) == (small.shape, styled.shape)
            and not (self._cuts and is_cut(self._photo, small))
        ):
            picture = self._continue(small, self._photo, styled, self._picture)
        self._photo, self._picture = small, picture
        return picture

    @property
    def state(self) -> dict[str, FlowFrame]:
        """State that the next frame depends on, for `restore`; empty before the first."""
        if self._photo is None or self._picture is None:
            return {}
        return {"photo": self._photo, "picture": self._picture}

    def restore(self, state: Mapping[str, FlowFrame]) -> None:
        """Go on from a `state`."""
        self._photo, self._picture = state.get("photo"), state.get("picture")

    def _continue(
        self, small: FlowFrame, before: FlowFrame, styled: FlowFrame, picture: FlowFrame
    ) -> FlowFrame:
        flow, trust = self._follower.find(small, before)
        share = _SHARE * self._cv2.resize(trust, styled.shape[1::-1])
        carried = self._follower.carry(picture, flow)
        mixed: FlowFrame = self._cv2.blendLinear(carried, styled, share, 1 - share)
        return self._with_contrast(mixed, styled)

    def _with_contrast(self, mixed: FlowFrame, styled: FlowFrame) -> FlowFrame:
        """The deviation from the local mean, multiplied so that it spreads as much as in `styled`."""
        gain = np.clip(self._spread(styled) / self._spread(mixed), 1, _MOST_GAIN)
        mean = self._cv2.blur(mixed, (_WINDOW, _WINDOW))
        result: FlowFrame = self._cv2.blendLinear(mixed, mean, gain, 1 - gain)
        return result

    def _spread(self, picture: FlowFrame) -> Floats:
        """Standard deviation of the brightness in a window around each pixel, at least 1."""
        gray, window = self._cv2.cvtColor(picture, self._cv2.COLOR_RGB2GRAY), (_WINDOW, _WINDOW)
        mean = self._cv2.boxFilter(gray, self._cv2.CV_32F, window)
        square = self._cv2.sqrBoxFilter(gray, self._cv2.CV_32F, window)
        spread: Floats = np.sqrt(np.maximum(square - mean * mean, 1))
        return spread

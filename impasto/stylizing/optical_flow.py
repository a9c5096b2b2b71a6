"""A picture carried along the motion of its photo, and how far that can be trusted."""

from __future__ import annotations

import numpy as np

from impasto.imaging.flow import Floats, FlowEstimator, FlowFrame, carry, load_opencv

_MOTION_SIDE = 320  # pixels: flow is found at this long side, which is as good for this and far quicker
_TOLERANCE = 0.12  # of the brightness of what moved: beyond, it is another thing
_TRUST = np.exp(-np.square(np.arange(256) / 255 / _TOLERANCE)).astype(np.float32)  # for each change in levels


class Follower:
    """Finds motion on photos made small, and carries pictures along it at their own size.

    Raises MissingExtraError without OpenCV.
    """

    def __init__(self) -> None:
        self._cv2 = load_opencv()
        self._motion = FlowEstimator("fast")

    def reduce(self, photo: FlowFrame) -> FlowFrame:
        """A photo as small as motion is found on."""
        height, width = photo.shape[:2]
        factor = min(1.0, _MOTION_SIDE / max(height, width))
        size = max(1, round(width * factor)), max(1, round(height * factor))
        small: FlowFrame = self._cv2.resize(photo, size, interpolation=self._cv2.INTER_AREA)
        return small

    def find(self, small: FlowFrame, other: FlowFrame) -> tuple[Floats, Floats]:
        """Optical flow between reduced photos, (h, w, 2) in pixels, and its confidence.

        The trust, (h, w) in [0, 1], is how far what was carried along is what is there: nothing where it
        was hidden; soft at its edges.
        """
        motion = self._motion(small, other)
        red, green, blue = self._cv2.split(self._cv2.absdiff(small, carry(other, motion.flow)))
        change = self._cv2.max(self._cv2.max(red, green), blue)
        trust = motion.seen * _TRUST[change]
        soft: Floats = self._cv2.blur(self._cv2.erode(trust, np.ones((3, 3))), (5, 5))
        return motion.flow, soft

    def carry(self, picture: FlowFrame, flow: Floats) -> FlowFrame:
        """The picture of the other photo, (H, W, 3), moved to where its things are in this one."""
        height, width = picture.shape[:2]
        longer = flow * np.array([width / flow.shape[1], height / flow.shape[0]], np.float32)
        moved: FlowFrame = carry(picture, self._cv2.resize(longer, (width, height)), sharp=True)
        return moved

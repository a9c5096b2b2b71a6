"""Dense optical flow between frames, and warping by it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from impasto.errors import MissingExtraError, UsageError

FlowFrame = NDArray[np.uint8]  # (H, W, 3) RGB, or (H, W) gray
Floats = NDArray[np.float32]
Preset = Literal["ultrafast", "fast", "medium"]

_LEAST_SIDE = 64  # pixels: narrower frames are widened, as OpenCV crashes below 32
_PRESETS: dict[Preset, int] = {"ultrafast": 0, "fast": 1, "medium": 2}
_SLACK, _SHARE = 0.5, 0.01  # of the consistency test: squared pixels, and a share of the flow's square


@dataclass(frozen=True)
class Motion:
    """Backward optical flow: position of each pixel in the previous frame.

    Attributes:
        flow: (H, W, 2) in pixels, right and down: what is at p now was at p + flow[p].
        seen: (H, W), 1 where it could be seen there, 0 where it was hidden or outside.
    """

    flow: Floats
    seen: Floats


class FlowEstimator:
    """Dense inverse search (Kroeger et al., ECCV 2016) as OpenCV has it, in both directions.

    Hidden is what going there and back does not bring home (Sundaram et al., ECCV 2010).

    Raises MissingExtraError without OpenCV.
    """

    def __init__(self, preset: Preset = "medium") -> None:
        self._cv2 = load_opencv()
        self._search = self._cv2.DISOpticalFlow_create(_PRESETS[preset])

    def __call__(self, current: FlowFrame, before: FlowFrame) -> Motion:
        """The motion that led to `current`. Raises UsageError unless both have one size."""
        if current.shape[:2] != before.shape[:2]:
            raise UsageError(f"there is no flow between frames of {before.shape[:2]} and {current.shape[:2]}")
        here, there = self._prepare(current), self._prepare(before)
        back = self._search.calc(here, there, None)
        forth = carry(self._search.calc(there, here, None), back)
        error = _squares(back + forth)
        allowed = _SHARE * (_squares(back) + _squares(forth)) + _SLACK
        height, width = current.shape[:2]
        flow: Floats = np.ascontiguousarray(back[:height, :width])
        agreed = (error < allowed)[:height, :width]
        return Motion(flow, (agreed & _inside(flow)).astype(np.float32))

    def _prepare(self, frame: FlowFrame) -> FlowFrame:
        """Convert to gray, and widen narrow frames."""
        cv2 = self._cv2
        gray: FlowFrame = frame if frame.ndim == 2 else cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        down, right = (max(0, _LEAST_SIDE - side) for side in gray.shape)
        if down or right:
            gray = cv2.copyMakeBorder(gray, 0, down, 0, right, cv2.BORDER_REPLICATE)
        return gray


def carry(picture: NDArray[Any], flow: Floats, *, sharp: bool = False) -> NDArray[Any]:
    """A picture of the frame before, (H, W) or (H, W, C), moved to where its pixels are now.

    Bilinear, or bicubic where `sharp`: repeated bilinear steps blur. Borders are repeated.
    """
    cv2 = load_opencv()
    across, down = _grid(flow.shape[0], flow.shape[1])
    kind = cv2.INTER_CUBIC if sharp else cv2.INTER_LINEAR
    moved: NDArray[Any] = cv2.remap(
        picture, across + flow[..., 0], down + flow[..., 1], kind, borderMode=cv2.BORDER_REPLICATE
    )
    return moved


def load_opencv() -> Any:
    """Import OpenCV. Raises MissingExtraError."""
    try:
        import cv2
    except ImportError as error:
        raise MissingExtraError("OpenCV", "video", "Following motion") from error
    return cv2


def _squares(flow: Floats) -> Floats:
    """Squared lengths; NumPy's sum along so short an axis takes five times as long."""
    lengths: Floats = flow[..., 0] ** 2 + flow[..., 1] ** 2
    return lengths


def _inside(flow: Floats) -> NDArray[np.bool_]:
    height, width = flow.shape[:2]
    across, down = _grid(height, width)
    x, y = across + flow[..., 0], down + flow[..., 1]
    inside: NDArray[np.bool_] = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    return inside


@lru_cache(maxsize=4)
def _grid(height: int, width: int) -> tuple[Floats, Floats]:
    """Coordinates of each pixel, across and down."""
    down, across = np.mgrid[:height, :width].astype(np.float32)
    return across, down

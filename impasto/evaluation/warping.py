"""Measure the flicker of videos by the warping error, and compare it with control clips."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from impasto.errors import UsageError, VideoError
from impasto.evaluation.bootstrap import Estimate, over_frames
from impasto.imaging.flow import FlowEstimator, FlowFrame, Motion, carry
from impasto.imaging.video.clip import Clip, resized

ORIGINAL, STILL = "original", "first frame held"
CLIP_CONTROLS: Mapping[str, str] = {
    ORIGINAL: "the clip itself: what its own changes and errors of the flow come to",
    STILL: "the first styled frame throughout: strokes that stick to the screen",
}


class WarpingError:
    """Flicker of a styled video: changes that motion does not explain.

    The root of the mean squared difference, in units of the full range, between each picture and the previous
    picture warped along the motion of the photos, at pixels visible in both (Ruder et al. 2016, equation 8;
    its square is the warping error of Lai et al., ECCV 2018).

    Raises MissingExtraError without OpenCV.
    """

    def __init__(self) -> None:
        self._flow = FlowEstimator("medium")
        self._before: tuple[FlowFrame, FlowFrame] | None = None
        self._errors: list[float] = []

    def add(self, photo: FlowFrame, picture: FlowFrame, motion: Motion | None = None) -> None:
        """Add a frame: photo and picture, (H, W, 3) of one size; `motion` if the true motion is known."""
        if photo.shape != picture.shape or photo.ndim != 3:
            raise UsageError(f"photo {photo.shape} and picture {picture.shape} must both be (H, W, 3)")
        if self._before is not None:
            moved = motion or self._flow(photo, self._before[0])
            self._errors.append(_error(picture, self._before[1], moved))
        self._before = photo, picture

    @property
    def errors(self) -> NDArray[np.float64]:
        """Mean squared difference for each picture after the first."""
        return np.array(self._errors, np.float64)

    @property
    def value(self) -> float:
        """Warping error from 0, no flicker, to 1; NaN for fewer than two frames."""
        return math.sqrt(float(np.mean(self._errors))) if self._errors else math.nan


@dataclass(frozen=True)
class Flicker:
    """Warping error of a clip with its interval, the number of frames, and notes for the user."""

    name: str
    error: Estimate
    frames: int
    control: bool = False
    notes: tuple[str, ...] = ()


def compare_clips(
    original: Clip,
    styled: Mapping[str, Clip],
    *,
    resamples: int = 2000,
    seed: int = 0,
    on_frame: Callable[[int], None] | None = None,
) -> list[Flicker]:
    """Measure the warping errors of styled clips of one original, and of two controls: see CLIP_CONTROLS.

    All clips are measured along the motion of the original, frame by frame, up to the end of the shortest
    clip; frames of another size are resized to the original's. The still control uses a frame of the first
    clip.

    Raises:
        VideoError: a clip that has fewer than two frames in common with the original.
        MissingExtraError: without OpenCV.
    """
    measures = {name: WarpingError() for name in (*styled, ORIGINAL, STILL)}
    flow, count = FlowEstimator("medium"), 0
    before: FlowFrame | None = None
    held: FlowFrame | None = None
    for photo, pictures in _together(original, styled):
        held = pictures[0] if held is None else held
        motion = None if before is None else flow(photo, before)
        for measure, picture in zip(measures.values(), (*pictures, photo, held), strict=True):
            measure.add(photo, picture, motion)
        before, count = photo, count + 1
        if on_frame:
            on_frame(count)
    if count < 2:
        shortest = " and ".join(str(clip.info.name) for clip in (original, *styled.values()))
        raise VideoError(f"{shortest} have fewer than two frames in common: flicker needs longer clips")
    return [
        Flicker(
            name,
            over_frames(measure.errors, resamples, seed),
            count,
            name in CLIP_CONTROLS,
            _notes(original, styled[name], count) if name in styled else (),
        )
        for name, measure in measures.items()
    ]


def _together(original: Clip, styled: Mapping[str, Clip]) -> Iterator[tuple[FlowFrame, list[FlowFrame]]]:
    """Yield the frames of all clips at the original's size, until the shortest clip ends."""
    for frames in zip(original.frames(), *(clip.frames() for clip in styled.values()), strict=False):
        photo, *pictures = (frame.over_white() for frame in frames)
        height, width = photo.shape[:2]
        yield photo, [resized(picture, (height, width)) for picture in pictures]


def _notes(original: Clip, styled: Clip, count: int) -> tuple[str, ...]:
    info, photo = styled.info, original.info
    differing = [
        f"{info.name} has {one[1]} x {one[0]} pixels, the original {other[1]} x {other[0]}: it is resized"
        for one, other in [(info.size, photo.size)]
        if one != other
    ]
    lengths = [clip.frames for clip in (info, photo) if clip.frames is not None]
    cut = [f"{info.name} and {photo.name} differ in length: the first {count} frames are compared"]
    return tuple(chain(differing, cut if len(set(lengths)) > 1 else ()))


def _error(picture: FlowFrame, before: FlowFrame, motion: Motion) -> float:
    difference = picture.astype(np.float32) - carry(before.astype(np.float32), motion.flow)
    squares = np.square(difference / 255).mean(2) * motion.seen
    return float(squares.sum() / max(1.0, float(motion.seen.sum())))

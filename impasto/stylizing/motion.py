"""Motion in a video: followed, so that styles hold still and frames between are carried along; scene cuts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto.errors import UsageError
from impasto.imaging.flow import Floats, FlowEstimator, FlowFrame, carry, load_opencv

if TYPE_CHECKING:
    from impasto.imaging.video.clip import Pixels

_MOTION_SIDE = 320  # pixels: flow is found at this long side, which is as good for this and far quicker
_CHANGE = 0.12  # of the brightness of what moved: beyond, it is another thing
_TRUST = np.exp(-np.square(np.arange(256) / 255 / _CHANGE)).astype(np.float32)  # for each change in levels
_THUMBNAIL = 32  # pixels of the thumbnails that are compared
_BINS = 16  # of a histogram
_CUT_DIFFERENCE = 0.12  # mean of the pixels' differences, of the full range
_CUT_SHARE = 0.12  # of the pixels that have other levels, wherever they are
_SHARE = 0.8  # of the frame before, where it can be trusted
_WINDOW = 15  # pixels, in which contrast is compared
_MOST_GAIN = 1.2  # more brings out specks, which the next frame then inherits
_FOLLOWED = 0.25  # of trust: less is nothing that can be shown
_LEAST_FOLLOWED = 0.9  # of the photo that must be found again before or after
_CERTAIN = 0.98  # share of the frame before that hides the one after


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


def is_cut(before: Pixels, now: Pixels) -> bool:
    """Return whether a cut lies between two frames, (H, W, 3) of any size.

    On thumbnails, pixels must differ, as they do not in fades and in slow motion, and their histograms, as
    they do not where the camera turns quickly. The fastest motion in three real clips reaches 0.07 in both,
    and 0.11 from every second frame to the next; scenes of different clips differ by 0.2 and more.
    """
    thumbnails = _thumbnail(before), _thumbnail(now)
    first, second = (thumbnail.astype(np.float32) / 255 for thumbnail in thumbnails)
    if np.abs(first - second).mean() <= _CUT_DIFFERENCE:
        return False
    share = np.abs(_histogram(thumbnails[0]) - _histogram(thumbnails[1])).sum() / 2
    return bool(share > _CUT_SHARE)


def _thumbnail(frame: Pixels) -> Pixels:
    return np.asarray(Image.fromarray(frame).resize((_THUMBNAIL, _THUMBNAIL), Image.Resampling.BOX))


def _histogram(thumbnail: Pixels) -> NDArray[np.float64]:
    """Shares of all values in each bin of each channel, (3, bins), blurred, as light flickers a little."""
    levels = (thumbnail.reshape(-1, 3).astype(np.int64) * _BINS) // 256
    counts = np.stack([np.bincount(channel, minlength=_BINS) for channel in levels.T]) / levels.size
    smooth = [np.convolve(channel, (0.25, 0.5, 0.25), "same") for channel in counts]
    return np.stack(smooth)


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
        if (np.maximum(trust, other) > _FOLLOWED).mean() < _LEAST_FOLLOWED:
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

"""Videos graded by one table for all frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

import torch
from torch import Tensor

from impasto.errors import VideoError
from impasto.grading.grader import Grader
from impasto.grading.lut import Lut, identity
from impasto.imaging.geometry import fit_long_side, resize
from impasto.imaging.sources import Planes
from impasto.imaging.video.clip import Clip, Pixels
from impasto.imaging.video.color import ColorTable
from impasto.stylizing.pixels import as_image

_SEEN = 12  # frames, evenly spread over a clip, that its colors are taken from
_SEEN_SIDE = 128  # pixels of each
_DOMAIN_POINTS = 65


class FrameGrader:
    """A styler of frames, which looks their colors up. Each frame is graded by itself."""

    part_frames = 250

    def __init__(self, lut: Lut) -> None:
        if (lut.low, lut.high) != (Lut.low, Lut.high):  # FFmpeg leaves the low end of a domain out
            plain = identity(_DOMAIN_POINTS)
            lut = plain.with_outputs(lut(plain.inputs))
        self._table = ColorTable(lut.table.reshape(-1, 3).clamp(0, 1).double().numpy())

    def __call__(self, photo: Pixels) -> Pixels:
        return self._table.of_pixels(photo)

    @property
    def state(self) -> Mapping[str, Pixels]:
        return {}

    def restore(self, state: Mapping[str, Pixels]) -> None:
        """There is nothing to go on from."""


def lut_of_clip(clip: Clip, grader: Grader) -> Lut:
    """The table for all frames of a clip. Raises VideoError for a clip without frames."""
    frames = [_small(pixels) for pixels in _some_frames(clip)]
    if not frames:
        raise VideoError(f"{clip.info.name} has no frames")
    return grader.lut(Planes(torch.cat(frames, dim=1)))


def _small(pixels: Pixels) -> Tensor:
    image = as_image(pixels)
    return resize(image[None], fit_long_side((image.shape[1], image.shape[2]), _SEEN_SIDE))[0]


def _some_frames(clip: Clip) -> Iterator[Pixels]:
    seconds = clip.info.duration or 0.0
    for number in range(_SEEN if seconds else 1):
        for frame in clip.frames(Fraction(seconds) * number / _SEEN):
            yield frame.over_white()
            break

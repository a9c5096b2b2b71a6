"""Pictures whose look is to be taken."""

from __future__ import annotations

from torch import Tensor

from impasto.errors import ImageError
from impasto.imaging import io

LEAST_SIDE = 32  # pixels
_LEAST_CONTRAST = 1 / 255  # standard deviation of the colours


def read_style(source: io.Source, *, max_pixels: int = io.MAX_PIXELS) -> tuple[Tensor, io.ImageInfo]:
    """Read a style picture, as `io.read` does.

    Raises ImageError for one that shows no style: too small, wholly transparent, or of one colour.
    """
    image, info = io.read(source, max_pixels=max_pixels)
    height, width = info.size
    if min(height, width) < LEAST_SIDE:
        raise ImageError(
            f"{info.name} has {width} x {height} pixels; a style needs at least {LEAST_SIDE} each way"
        )
    visible = image.flatten(1) if info.alpha is None else image[:, info.alpha[0] > 0]
    if not visible.numel():
        raise ImageError(f"{info.name} is wholly transparent: there is no style to see in it")
    if visible.std(1, correction=0).max() < _LEAST_CONTRAST:
        raise ImageError(f"{info.name} is of one colour: there is no style to see in it")
    return image, info

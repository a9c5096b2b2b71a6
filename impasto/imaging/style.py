"""Pictures whose look is to be taken."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from torch import Tensor

from impasto.errors import ImageError, UsageError
from impasto.imaging import io
from impasto.imaging.borders import CropBox, crop, find_picture

StyleCrop = Literal["auto", "off"] | CropBox

LEAST_SIDE = 32  # pixels
_LEAST_CONTRAST = 1 / 255  # standard deviation of the colors


def read_style(
    source: io.Source, *, max_pixels: int = io.MAX_PIXELS, style_crop: StyleCrop = "auto"
) -> tuple[Tensor, io.ImageInfo]:
    """Read a style picture, as `io.read` does.

    Args:
        source, max_pixels: as `io.read` takes them.
        style_crop: "auto" leaves out frames, mats, margins and vignettes, and says so in the notes; "off"
            nothing; or left, top, width and height in pixels of what is seen.

    Raises:
        ImageError: a picture that shows no style: too small, wholly transparent, or of one color.
        UsageError: a crop that is not in the picture, or too small.
    """
    image, info = io.read(source, max_pixels=max_pixels)
    height, width = info.size
    if min(height, width) < LEAST_SIDE:
        raise ImageError(
            f"{info.name} has {width} x {height} pixels; a style needs at least {LEAST_SIDE} each way"
        )
    image, info = _cropped(image, info, style_crop)
    visible = image.flatten(1) if info.alpha is None else image[:, info.alpha[0] > 0]
    if not visible.numel():
        raise ImageError(f"{info.name} is wholly transparent: there is no style to see in it")
    if visible.std(1, correction=0).max() < _LEAST_CONTRAST:
        raise ImageError(f"{info.name} is of one color: there is no style to see in it")
    return image, info


def _cropped(image: Tensor, info: io.ImageInfo, how: StyleCrop) -> tuple[Tensor, io.ImageInfo]:
    height, width = info.size
    if how == "off" or (how == "auto" and info.alpha is not None):
        return image, info
    box = find_picture(image) if isinstance(how, str) else how
    if box is None:
        return image, info
    left, top, wide, high = box
    if left + wide > width or top + high > height or min(wide, high) < LEAST_SIDE:
        if how == "auto":
            return image, info
        raise UsageError(
            f"style_crop {left},{top},{wide},{high} does not fit {info.name}, which has {width} x {height} "
            f"pixels, or leaves fewer than {LEAST_SIDE} each way"
        )
    notes = list(info.notes)
    if how == "auto":
        notes.append(
            f"the border of {info.name} is left out: {wide} x {high} of {width} x {height} pixels remain"
        )
    alpha = None if info.alpha is None else crop(info.alpha, box)
    return crop(image, box), replace(info, size=(high, wide), alpha=alpha, notes=tuple(notes))

"""Style pictures: read, checked, and freed of frames, mats, white margins and oval vignettes."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from typing import Literal

import torch
from torch import Tensor

from impasto.errors import ImageError, UsageError
from impasto.imaging import io
from impasto.imaging.color_transfer import luma
from impasto.imaging.geometry import fit_long_side, resize

CropBox = tuple[int, int, int, int]  # left, top, width, height in pixels
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


_SIDE = 512  # pixels of the long side at which borders are looked for
_LEAST, _MOST = 0.01, 0.25  # of the side: how deep a border is
_ROUNDS = 3  # a frame, a mat within it, and a margin within that
_FLAT = 0.05  # largest distance from a margin's color, in RGB
_COVERED = 0.95  # share of a line's pixels that have the margin's color
_UNCOVERED = 0.6  # the same just within the border, which ends at once; a plain background ends bit by bit
_EDGE, _STRAIGHT = 0.05, 0.75  # step of luma across a frame's edge, and its share of all that changes there


def find_picture(image: Tensor) -> CropBox | None:
    """The picture within its borders, or None where it has none.

    A margin counts if it is flat and of one color on two opposite sides at least; a frame if a straight edge
    runs along all four sides; a vignette if all around the inscribed ellipse is of one color. Of an unframed
    work nothing is taken away.

    Args:
        image: (3, H, W) in [0, 1].
    """
    height, width = image.shape[1:]
    small = resize(image[None], fit_long_side((height, width), min(_SIDE, max(height, width))))[0]
    box = (0, 0, small.shape[2], small.shape[1])
    for _ in range(_ROUNDS):
        inner = _within(small, box)
        if inner == box:
            break
        box = inner
    if box == (0, 0, small.shape[2], small.shape[1]):
        return None
    across, down = width / small.shape[2], height / small.shape[1]
    left, top = round(box[0] * across), round(box[1] * down)
    return left, top, round((box[0] + box[2]) * across) - left, round((box[1] + box[3]) * down) - top


def crop(image: Tensor, box: CropBox) -> Tensor:
    """Cut the box out of (..., H, W)."""
    left, top, width, height = box
    return image[..., top : top + height, left : left + width]


def _within(image: Tensor, box: CropBox) -> CropBox:
    """Shrink the box by its outermost border."""
    part = crop(image, box)
    depths = _margins(part) or _frame(part) or _vignette(part)
    if depths is None:
        return box
    top, bottom, left, right = depths
    return box[0] + left, box[1] + top, box[2] - left - right, box[3] - top - bottom


def _sides(image: Tensor) -> list[Tensor]:
    """(C, depth, length) seen from the top, bottom, left and right."""
    return [image, image.flip(1), image.transpose(1, 2), image.transpose(1, 2).flip(1)]


def _margins(image: Tensor) -> tuple[int, int, int, int] | None:
    """Pixels from each side that are flat and of one color, on opposite sides."""
    depths, colors = [], []
    for side in _sides(image):
        color = side[:, 0].median(1).values
        same = (side - color[:, None, None]).square().sum(0).sqrt() < _FLAT
        covered = same.float().mean(1)
        depth = int((covered >= _COVERED).long().cumprod(0).sum())
        ends = depth <= _MOST * len(covered) and covered[min(depth + 3, len(covered) - 1)] < _UNCOVERED
        depths.append(depth if ends else 0)
        colors.append(color)
    lengths = (image.shape[1],) * 2 + (image.shape[2],) * 2
    deep = [depth >= max(2, _LEAST * length) for depth, length in zip(depths, lengths, strict=True)]
    pairs = [
        deep[a] and deep[b] and bool((colors[a] - colors[b]).norm() < _FLAT) for a, b in ((0, 1), (2, 3))
    ]
    if not any(pairs):
        return None
    # one pixel more: resizing has mixed the margin with the picture there
    top, bottom, left, right = (
        depth + 1 if is_deep else 0 for depth, is_deep in zip(depths, deep, strict=True)
    )
    return top, bottom, left, right


def _frame(image: Tensor) -> tuple[int, int, int, int] | None:
    """Pixels from each side to the innermost straight edge, where there is one along all four."""
    depths = []
    for side in _sides(luma(image)):
        length = side.shape[2]
        lines = side[0, :, length // 8 : length - length // 8]  # without the frame's corners
        change = lines[2:] - lines[:-2]
        step, whole = change.mean(1).abs(), change.abs().mean(1).clamp(min=1e-6)
        first, last = max(1, int(_LEAST * len(lines))), int(_MOST * len(lines))
        edges = ((step > _EDGE) & (step > _STRAIGHT * whole))[first:last].nonzero()
        if not len(edges):
            return None
        depths.append(first + int(edges[-1]) + 3)
    top, bottom, left, right = depths
    return (top, bottom, left, right) if max(depths) <= 2 * min(depths) else None


def _vignette(image: Tensor) -> tuple[int, int, int, int] | None:
    """Pixels from each side to the rectangle in an ellipse, if all around the ellipse is of one color."""
    height, width = image.shape[1:]
    down, across = (torch.linspace(-1, 1, length) for length in (height, width))
    radius = (down[:, None].square() + across[None].square()).sqrt()
    around, rim = radius > 1.01, (radius < 0.96) & (radius > 0.86)
    color = image[:, around].median(1).values[:, None, None]
    same = ((image - color).square().sum(0).sqrt() < _FLAT).float()
    if same[around].mean() < _COVERED or same[rim].mean() > 1 - _UNCOVERED:
        return None
    rest = (1 - sqrt(0.5)) / 2
    top, left = round(rest * height), round(rest * width)
    return top, top, left, left

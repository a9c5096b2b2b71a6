"""Read the inputs of a painting from pictures: styles, and masks of the regions that they apply to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, TypeGuard

import torch
from torch import Tensor

from impasto.errors import UsageError
from impasto.imaging import io
from impasto.imaging.geometry import resize
from impasto.imaging.masks import read_mask, share_out
from impasto.imaging.style import StyleCrop, read_style
from impasto.painting.objective import Style

StyleSource = io.Source | tuple[io.Source, float]
PaintStyles = StyleSource | Sequence[StyleSource]
PaintRegions = Mapping[Any, PaintStyles] | Sequence[tuple[io.Source, PaintStyles]]  # masks with their styles
ImageSize = tuple[int, int]  # height, width


def split_regions(
    style: PaintStyles | None, region: PaintRegions
) -> tuple[list[io.Source], list[PaintStyles]]:
    """Split regions into masks and the styles of each region; `style` is the last, for the rest of the photo.

    Raises UsageError if there is neither a style nor a region.
    """
    pairs = list(region.items() if isinstance(region, Mapping) else region)
    base = [] if style is None else [style]
    if not pairs and not base:
        raise UsageError("styles must name at least one style")
    return [mask for mask, _ in pairs], [*(styles for _, styles in pairs), *base]


def read_styles(
    groups: Sequence[PaintStyles], max_pixels: int = io.MAX_PIXELS, style_crop: StyleCrop = "auto"
) -> tuple[list[Style], tuple[str, ...]]:
    """Read the styles of each region; returns them and sentences to show to the user.

    `style_crop` is as in `PaintOptions`. Raises ImageError and UsageError.
    """
    styles: list[Style] = []
    notes: list[str] = []
    for region, group in enumerate(groups):
        for source, weight in _pairs(group):
            image, info = read_style(source, max_pixels=max_pixels, style_crop=style_crop)
            styles.append(Style(image, weight, info.alpha, region))
            notes += info.notes
    return styles, tuple(notes)


def read_regions(
    masks: Sequence[io.Source], mask: io.Source | None, photo: ImageSize, size: ImageSize, *, base: bool
) -> tuple[list[Tensor], Tensor | None, tuple[str, ...]]:
    """Read the masks of regions, and the mask of everything that is painted.

    Args:
        masks: masks of the regions.
        mask: mask of everything that is to be painted; None for the whole photo.
        photo: size of the photo, which error messages name as the size that a mask must have.
        size: size of the result.
        base: add a last region for the part of the photo that the other regions leave.

    Returns:
        The regions' masks, each (1, H, W) in [0, 1], or none if the only region is the whole photo; `mask`,
        read; and sentences to show to the user. Raises ImageError for a picture that is not a mask.
    """
    planes: list[Tensor] = []
    notes: list[str] = []
    for source in masks if mask is None else (*masks, mask):
        plane, said = read_mask(source, photo)
        planes.append(resize(plane[None], size)[0])
        notes += said
    whole = None if mask is None else planes.pop()
    shares, said = share_out(planes, base) if planes else ([torch.ones(1, *size)], ())
    if whole is None:
        return (shares if planes else []), None, (*notes, *said)
    return [share * whole for share in shares], whole, (*notes, *said)


def _pairs(style: PaintStyles) -> list[tuple[io.Source, float]]:
    many: Sequence[Any] = style if isinstance(style, list | tuple) and not _is_pair(style) else [style]
    pairs = [item if _is_pair(item) else (item, 1.0) for item in many]
    if not pairs:
        raise UsageError("styles must name at least one style")
    return pairs


def _is_pair(style: Any) -> TypeGuard[tuple[io.Source, float]]:
    return isinstance(style, tuple) and len(style) == 2 and isinstance(style[1], Real)

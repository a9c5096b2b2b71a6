"""What a painting is made of, read from pictures: styles, and the regions in which they hold."""

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
PaintRegions = (
    Mapping[Any, PaintStyles] | Sequence[tuple[io.Source, PaintStyles]]
)  # masks, each with its styles
ImageSize = tuple[int, int]  # height, width


def split_regions(
    style: PaintStyles | None, region: PaintRegions
) -> tuple[list[io.Source], list[PaintStyles]]:
    """The masks, and the styles of each region; the last are of `style`, for what the masks leave.

    Raises UsageError where there is neither.
    """
    pairs = list(region.items() if isinstance(region, Mapping) else region)
    base = [] if style is None else [style]
    if not pairs and not base:
        raise UsageError("a painting needs at least one style")
    return [mask for mask, _ in pairs], [*(styles for _, styles in pairs), *base]


def read_styles(
    groups: Sequence[PaintStyles], max_pixels: int = io.MAX_PIXELS, style_crop: StyleCrop = "auto"
) -> tuple[list[Style], tuple[str, ...]]:
    """The styles of each region, and what the user should hear.

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
    """Read the masks of regions, and the mask of all that is painted.

    Args:
        masks: of the regions.
        mask: of all that is to be painted; None for the whole.
        photo: the size that masks are told to have.
        size: of the result.
        base: whether a last region takes what the others leave.

    Returns:
        For each region (1, H, W) in [0, 1]; none if there is but the whole. The mask, too. And what the user
        should hear. Raises ImageError for what is no mask.
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
        raise UsageError("a painting needs at least one style")
    return pairs


def _is_pair(style: Any) -> TypeGuard[tuple[io.Source, float]]:
    return isinstance(style, tuple) and len(style) == 2 and isinstance(style[1], Real)

"""Inputs of a painting: photo, styles and masks, and the image that it starts from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any, TypeGuard

import torch
from torch import Tensor

from impasto.encoding import card_of
from impasto.errors import UsageError
from impasto.imaging import io
from impasto.imaging.arrays import without_hidden
from impasto.imaging.color_transfer import ColorMoments, color_moments, map_colors
from impasto.imaging.geometry import fit_long_side, resize
from impasto.imaging.masks import read_mask, share_out
from impasto.imaging.style import StyleCrop, read_style
from impasto.networks.card import Card, load_primed
from impasto.networks.mixing import interpolate
from impasto.painting.objective import Style
from impasto.painting.options import STARTS, PaintOptions

StyleSource = io.Source | tuple[io.Source, float]
PaintStyles = StyleSource | Sequence[StyleSource]
PaintRegions = Mapping[Any, PaintStyles] | Sequence[tuple[io.Source, PaintStyles]]  # masks with their styles
ImageSize = tuple[int, int]  # height, width
_RECOLORED = 0.25  # strength from which on the initial image has the style's colors entirely
_SEEN = 512  # pixels of a style's long side at which its colors are measured


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


def initial_image(
    photo: Tensor,
    styles: Sequence[Style],
    size: tuple[int, int],
    options: PaintOptions,
    *,
    start: Tensor | None = None,
    regions: Sequence[Tensor] = (),
    alpha: Tensor | None = None,
) -> Tensor:
    """Make the image that the first scale starts from, (1, 3, H, W), in [0, 1] unless it is noise.

    Args:
        photo, styles, start, regions, alpha: as for `scales.paint_steps`.
        size: (height, width) of the scale.

    Raises UsageError for an `options.init` that is neither a known start nor comes with a picture.
    """
    if options.init == "noise":
        generator = torch.Generator().manual_seed(options.seed)
        return 0.5 + 0.1 * torch.randn(1, 3, *size, generator=generator)
    if options.init == "style":
        return resize(styles[0].image[None], size)
    if options.init in STARTS:
        image = resize(photo[None], size)
        if options.init == "photo":
            return image
        masks = [resize(mask[None], size)[0] for mask in regions]
        if options.init == "instant":
            return stylize(image, styles, options.strength, masks)
        opacity = None if alpha is None else resize(alpha[None], size)[0]
        return recolor(image[0], styles, options.strength, masks, opacity)[None]
    if start is None:
        raise UsageError(f"init must be one of {', '.join(STARTS)} or an image file, not {options.init}")
    return resize(start[None], size)


def recolor(
    photo: Tensor,
    styles: Sequence[Style],
    strength: float,
    regions: Sequence[Tensor] = (),
    alpha: Tensor | None = None,
) -> Tensor:
    """Give the photo the colors of the styles; light and dark parts of the photo stay where they are.

    Args:
        photo: (3, H, W) in [0, 1].
        styles: at least one for each region that is to change; the weights sum to 1 in each region.
        strength: strength of the painting; below 0.25 the colors change in part, at 0 not at all.
        regions: masks (1, H, W) in [0, 1]; colors are measured and changed in each region separately.
        alpha: opacity of the photo, (1, H, W): colors of transparent pixels do not count.

    Returns:
        (3, H, W) in [0, 1].
    """
    amount = min(1.0, strength / _RECOLORED)
    if amount == 0:
        return photo

    def change(own: Sequence[Style], mask: Tensor | None) -> Tensor:
        weight = mask if alpha is None else alpha if mask is None else mask * alpha
        mapped = map_colors(photo, color_moments(photo, weight), _mean_moments(own)).clamp(0, 1)
        return amount * (mapped - photo)

    return _changed(photo, styles, regions, change)


def stylize(
    photo: Tensor, styles: Sequence[Style], strength: float, regions: Sequence[Tensor] = ()
) -> Tensor:
    """Stylize a photo with the adaptive network: (1, 3, H, W) in [0, 1].

    `styles` and `regions` are as in `recolor`; from strength 0.5 on, the style applies in full.
    """
    primed = load_primed()
    assert primed, "the package holds primed weights"
    share = min(1.0, 2 * strength)

    def change(own: Sequence[Style], mask: Tensor | None) -> Tensor:
        cards: list[tuple[Card, float]] = [(card_of(s.image, s.alpha), share * s.weight) for s in own]
        with torch.inference_mode():
            painted: Tensor = interpolate([*cards, (primed, 1 - share)]).build()(photo).clamp(0, 1)
        return painted - photo

    return _changed(photo, styles, regions, change)


def _changed(
    photo: Tensor,
    styles: Sequence[Style],
    regions: Sequence[Tensor],
    change: Callable[[Sequence[Style], Tensor | None], Tensor],
) -> Tensor:
    """Add each region's `change` to the photo inside the region's mask, or everywhere without masks."""
    result = photo.clone()
    for region, mask in enumerate(regions or (None,)):
        if own := [style for style in styles if style.region == region]:
            result += change(own, mask) * (1 if mask is None else mask)
    return result.clamp(0, 1)


def _mean_moments(styles: Sequence[Style]) -> ColorMoments:
    """Average the styles' color moments by their weights."""
    mean, covariance = torch.zeros(3, 1), torch.zeros(3, 3)
    for style in styles:
        image = style.image if style.alpha is None else without_hidden(style.image, style.alpha)
        size = fit_long_side((image.shape[1], image.shape[2]), min(_SEEN, max(image.shape[1:])))
        opacity = None if style.alpha is None else resize(style.alpha[None], size)[0]
        own = color_moments(resize(image[None], size)[0], opacity)
        mean, covariance = mean + style.weight * own[0], covariance + style.weight * own[1]
    return mean, covariance

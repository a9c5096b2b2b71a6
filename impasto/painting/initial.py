"""Make the image that a painting starts from: the photo in the style's colors, noise, or a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from impasto.encoding import card_of
from impasto.errors import UsageError
from impasto.imaging.arrays import without_hidden
from impasto.imaging.color_transfer import ColorMoments, color_moments, map_colors
from impasto.imaging.geometry import fit_long_side, resize
from impasto.networks.card import Card, load_primed
from impasto.networks.mixing import interpolate
from impasto.painting.objective import Style
from impasto.painting.options import STARTS, PaintOptions

_RECOLORED = 0.25  # strength from which on the initial image has the style's colors entirely
_SEEN = 512  # pixels of a style's long side at which its colors are measured


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

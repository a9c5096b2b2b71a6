"""Restore properties of the photo in a painting: colors, fine structure and the masked part."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from impasto.imaging.color_transfer import keep_color, match_colors
from impasto.imaging.detail import return_detail
from impasto.imaging.masks import blend
from impasto.painting.objective import Style
from impasto.painting.options import PaintOptions


def recolor(style: Style, photo: Tensor, amount: float) -> Style:
    """Change a style's colors towards those of a photo, (3, H, W), by `amount`, 0 to 1 (Gatys et al. 2016).

    Transparent pixels keep their colors and have no influence.
    """
    if style.alpha is None:
        matched = match_colors(style.image, photo)
    else:
        seen, matched = style.alpha[0] > 0, style.image.clone()
        matched[:, seen] = match_colors(style.image[:, None, seen], photo)[:, 0]
    return replace(style, image=torch.lerp(style.image, matched, amount))


def postprocess(
    picture: Tensor,
    photo: Tensor,
    options: PaintOptions,
    *,
    alpha: Tensor | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Apply the steps after the last gradient: color (unless styles were recolored), detail and mask.

    Args:
        picture, photo: (3, H, W) in [0, 1].
        options: only `keep_color`, `keep_color_amount` and `detail` are used.
        alpha: opacity of the photo, (1, H, W): colors of transparent pixels have no influence.
        mask: (1, H, W) in [0, 1]: the photo stays unchanged where the mask is black.
    """
    if options.keep_color != "histogram":
        how, amount = options.keep_color, options.keep_color_amount
        picture = keep_color(picture, photo, how, amount, alpha=alpha)
    picture = return_detail(picture, photo, options.detail)
    return picture if mask is None else blend(picture, photo, mask)

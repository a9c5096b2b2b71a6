"""The photo in a painting: its colors, its fine structure, and where none of it is to be painted."""

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
    """A style in the colors of a photo, (3, H, W), as far as `amount`, 0 to 1, says (Gatys et al. 2016).

    What is transparent keeps its colors, and has no influence.
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
    """What comes after the last gradient: colors, unless styles were recolored; detail; the photo's part.

    Args:
        picture, photo: (3, H, W) in [0, 1].
        options: `keep_color` and `detail` count.
        alpha: the photo's, (1, H, W): hidden colors have no influence.
        mask: (1, H, W) in [0, 1]: black leaves the photo.
    """
    if options.keep_color != "histogram":
        how, amount = options.keep_color, options.keep_color_amount
        picture = keep_color(picture, photo, how, amount, alpha=alpha)
    picture = return_detail(picture, photo, options.detail)
    return picture if mask is None else blend(picture, photo, mask)

"""Paint a photo: the high-level API, images in and out, over `scales.paint_steps` for tensors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from impasto.backbones import Backbone
from impasto.imaging import io
from impasto.imaging.color_transfer import keep_color, match_colors
from impasto.imaging.detail import enlarge_along, return_detail
from impasto.imaging.geometry import resize
from impasto.imaging.masks import blend
from impasto.options import from_keywords
from impasto.painting.base import BasePainter
from impasto.painting.inputs import PaintRegions, PaintStyles, read_regions, read_styles, split_regions
from impasto.painting.objective import Style
from impasto.painting.options import STARTS, PaintOptions
from impasto.painting.scales import result_size
from impasto.progress import Step, StepCallback
from impasto.weights import ProgressCallback


def paint(
    photo: io.Source,
    style: PaintStyles | None = None,
    strength: float = 0.5,
    *,
    mask: io.Source | None = None,
    region: PaintRegions = (),
    callback: StepCallback | None = None,
    **options: Any,
) -> Image.Image:
    """Paint a photo in a style.

    Args:
        photo: a file, a Pillow image, an array (H, W, 3) of uint8 or floats in [0, 1], or a tensor
            (3, H, W) of floats in [0, 1].
        style: a picture in the forms that `photo` has, or a pair (style, weight), or a list of these. With
            regions, this style applies to the rest of the photo, and may be left out.
        strength: 0 keeps the photo, 1 makes a texture of the style.
        mask: a picture: white parts of the photo are painted, black parts stay, gray parts are mixed.
        region: styles by mask, {mask: style}, or pairs (mask, style) if masks are not files; each style
            applies to the white part of its mask.
        callback: called with a `Step` after every gradient.
        options: the fields of `PaintOptions`, such as `size=1024`, `keep_color="luminance"`.

    Returns:
        RGB, or RGBA if the photo has transparent pixels, `size` pixels on the long side.

    Raises:
        ImpastoError: base class of all errors; the message says what to do.

    >>> impasto.paint("photo.jpg", "wave.jpg", strength=0.6).save("painting.jpg")
    """
    painter = Painter(photo, style, make_options(strength=strength, **options), region=region, mask=mask)
    for step in painter.steps():
        if callback:
            callback(step)
    return io.to_pil(*painter.finish(step))


def make_options(**options: Any) -> PaintOptions:
    """Make PaintOptions from keywords. Raises UsageError, which lists valid names, for an unknown name."""
    return from_keywords(PaintOptions, options)


class Painter(BasePainter):
    """Painting of a photo; the constructor reads the pictures and the backbone.

    `notes` are sentences to show to the user, `scales` the sizes that are painted in turn. Arguments are as
    for `paint` and `BasePainter`.
    """

    def __init__(
        self,
        photo: io.Source,
        style: PaintStyles | None = None,
        options: PaintOptions | None = None,
        *,
        region: PaintRegions = (),
        mask: io.Source | None = None,
        max_pixels: int = io.MAX_PIXELS,
        backbone: Backbone | None = None,
        on_download: ProgressCallback | None = None,
    ) -> None:
        options = options or PaintOptions()
        image, self.info = io.read(photo, max_pixels=max_pixels)
        masks, groups = split_regions(style, region)
        styles, style_notes = read_styles(groups, max_pixels, options.style_crop)
        size = result_size(self.info.size, options)
        base = len(groups) > len(masks)
        regions, self.mask, mask_notes = read_regions(masks, mask, self.info.size, size, base=base)
        if options.keep_color == "histogram":
            styles = [recolor(one, image, options.keep_color_amount) for one in styles]
        super().__init__(
            image,
            styles,
            options,
            regions=regions,
            start=_read_start(options, max_pixels),
            alpha=self.info.alpha,
            name=self.info.name,
            backbone=backbone,
            on_download=on_download,
        )
        self.notes += [*self.info.notes, *style_notes, *mask_notes]

    @property
    def exif(self) -> bytes | None:
        """EXIF data of the photo; None if it has none."""
        return self.info.exif

    @property
    def bit_depth(self) -> int:
        """Bits per channel of the photo, 8 or 16."""
        return self.info.bit_depth

    def finish(self, step: Step) -> tuple[Tensor, Tensor | None]:
        """Picture of any step at the full size, (3, H, W), and its alpha, (1, H, W) or None."""
        photo = resize(self.photo[None], self.size)[0]
        image = enlarge_along(step.image, photo)
        alpha = None if self.info.alpha is None else resize(self.info.alpha[None], self.size)[0]
        return postprocess(image, photo, self.options, alpha=alpha, mask=self.mask), alpha


def _read_start(options: PaintOptions, max_pixels: int) -> Tensor | None:
    if options.init in STARTS:
        return None
    return io.read(options.init, max_pixels=max_pixels)[0]


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

"""Make textures of a style, at any size (Gatys et al. 2015, "Texture Synthesis Using ConvNets").

Statistics must not depend on positions, or the style's layout (sky above, sea below) would appear in the
texture. So styles are extended by their mirror image, and a texture is painted larger than requested and cut.
The first scale is that at which the style has 256 pixels, and the deepest layer, which responds to whole
objects, is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import log2
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from impasto.imaging import io
from impasto.imaging.geometry import fit_long_side, resize
from impasto.options import from_keywords
from impasto.painting.base import BasePainter
from impasto.painting.inputs import PaintStyles, read_styles
from impasto.painting.objective import Style
from impasto.painting.options import TextureOptions
from impasto.progress import Step, StepCallback
from impasto.weights import ProgressCallback

_FIRST_RUNG = 256  # pixels of the style's long side; on smaller styles, objects are as small as strokes
_MIRRORED = 64  # pixels; more than the receptive field of the layers used here extends to one side
_CUT = 32  # pixels cut from each side, where the border affects the texture


def texture(
    style: PaintStyles,
    size: int | tuple[int, int] = TextureOptions.size,
    *,
    callback: StepCallback | None = None,
    **options: Any,
) -> Image.Image:
    """Make a texture of a style: the style's brushwork and colors, without its objects.

    Args:
        style: a picture, as for `paint`, or a pair (style, weight), or a list of these, which are mixed.
        size: (height, width) in pixels; or the long side, with the style's proportions.
        callback: called with a `Step` after every gradient.
        options: the other fields of `TextureOptions`, such as `seed=1`.

    Raises:
        ImpastoError: base class of all errors; the message says what to do.

    >>> impasto.texture("wave.jpg", (768, 1024)).save("texture.png")
    """
    painter = TexturePainter(style, from_keywords(TextureOptions, {"size": size, **options}))
    for step in painter.steps():
        if callback:
            callback(step)
    return io.to_pil(*painter.finish(step))


class TexturePainter(BasePainter):
    """Painter of a texture; the constructor reads the pictures and the backbone."""

    def __init__(
        self,
        style: PaintStyles,
        options: TextureOptions | None = None,
        *,
        max_pixels: int = io.MAX_PIXELS,
        on_download: ProgressCallback | None = None,
    ) -> None:
        options = options or TextureOptions()
        styles, notes = read_styles([style], max_pixels)
        height, width = self._size = _resolve(options.size, styles)
        canvas = height + 2 * _CUT, width + 2 * _CUT
        sides = [min(max(self._size), max(one.image.shape[1:])) for one in styles]
        super().__init__(
            torch.full((3, 1, 1), 0.5).expand(3, *canvas),  # unused gray, in no memory
            [
                replace(one, scale=side / max(canvas), margin=_MIRRORED)
                for one, side in zip(styles, sides, strict=True)
            ],
            options.painting(canvas, _rungs(options.stroke_size * max(sides))),
            name="the texture",
            on_download=on_download,
        )
        self.notes += notes

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the result."""
        return self._size

    def finish(self, step: Step) -> tuple[Tensor, None]:
        """Texture of any step at the full size, (3, H, W), and None, as textures have no alpha."""
        image = resize(step.image[None], self.scales[-1].size)[0]
        return image[:, _CUT:-_CUT, _CUT:-_CUT], None


def _resolve(size: int | tuple[int, int], styles: Sequence[Style]) -> tuple[int, int]:
    if isinstance(size, tuple):
        return size
    height, width = styles[0].image.shape[1:]
    return fit_long_side((height, width), size)


def _rungs(side: float) -> int:
    """Number of scales up to this long side, each half as large as the next."""
    return max(1, round(log2(max(1.0, side) / _FIRST_RUNG)) + 1)

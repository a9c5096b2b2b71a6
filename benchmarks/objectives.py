"""The objective of a painting at its full size, to be evaluated outside of it."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from impasto import Painter
from impasto.imaging.geometry import fit_long_side, resize
from impasto.painting.objective import Objective, Style


def full_size(painter: Painter, dtype: torch.dtype | None = None) -> tuple[Objective, Tensor]:
    """The objective that a painter minimizes at its last scale, and the photo there, (1, 3, H, W)."""
    longest = round(painter.options.stroke_size * max(painter.size))
    styles = [_resized(style, longest) for style in painter.styles]
    photo = resize(painter.photo[None], painter.size).to(painter.device, memory_format=torch.channels_last)
    backbone = painter.backbone.to(painter.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Objective(backbone, photo, styles, painter.options, dtype or painter.dtype), photo


def _resized(style: Style, longest: int) -> Style:
    height, width = style.image.shape[1:]
    return replace(style, image=resize(style.image[None], fit_long_side((height, width), longest))[0])

"""Gradients of painting on top of the picture that networks make."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from impasto import backbones
from impasto.backbones import Backbone
from impasto.device import DeviceName, PrecisionName
from impasto.imaging.style import read_style
from impasto.painting.objective import Style
from impasto.painting.options import PaintOptions
from impasto.painting.scales import paint_steps
from impasto.styles.mixture import Styles, find_pictures


class Refiner:
    """Moves a picture towards its style by the objective of a painting, starting from the picture.

    Args:
        style: as `Stylizer` takes it.
        gradients: number of gradient steps, at the picture's full size.
        strength: of the stylizer, from 0 to 1; 1 is the default strength of a painting.
        device, precision: where to compute, and how exactly.

    Raises UsageError for a style whose picture is not at hand, such as a card of one's own.
    """

    def __init__(
        self,
        style: Styles,
        gradients: int,
        strength: float,
        device: DeviceName,
        precision: PrecisionName,
    ) -> None:
        self._options = PaintOptions(
            size=None,
            scales=1,
            iterations=gradients,
            strength=strength * PaintOptions.strength,
            init="picture",
            device=device,
            precision=precision,
        )
        self._pictures = find_pictures(style)

    def __call__(self, photos: Tensor, pictures: Tensor) -> Tensor:
        """Refine pictures of photos, both (N, 3, H, W) in [0, 1]; shape and device stay."""
        return torch.stack([self._refine(*pair) for pair in zip(photos, pictures, strict=True)])

    def _refine(self, photo: Tensor, picture: Tensor) -> Tensor:
        *_, step = paint_steps(photo.cpu(), self._styles, self._backbone, self._options, start=picture.cpu())
        return step.image.to(picture)

    @cached_property
    def _styles(self) -> list[Style]:
        styles = []
        for path, weight in self._pictures:
            image, info = read_style(path)
            styles.append(Style(image, weight, info.alpha))
        return styles

    @cached_property
    def _backbone(self) -> Backbone:
        return backbones.load(self._options.backbone, pooling=self._options.pooling)

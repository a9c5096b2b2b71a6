"""What a painting minimises: style, content and smoothness, weighted, at one scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto import losses
from impasto.backbones import Backbone
from impasto.painting.options import PaintOptions
from impasto.perception import Perception, StyleTerm

_RANGE_WEIGHT = 10.0


@dataclass(frozen=True)
class Style:
    """A style picture: float32 sRGB (3, H, W) in [0, 1], its share of the whole, and what of it counts.

    `alpha`, (1, H, W) in [0, 1], leaves transparent pixels out.
    """

    image: Tensor
    weight: float = 1.0
    alpha: Tensor | None = None


class Objective:
    """The weighted sum of terms for an image of the photo's size; targets are encoded once.

    Args:
        backbone: frozen, on the images' device.
        photo: (1, 3, H, W) in [0, 1].
        styles: pictures as they shall be seen at this scale; weights summing to 1.
        options: layers, weights, kind of style loss.
        dtype: precision of the convolutions; statistics and sums are float32 always.
    """

    def __init__(
        self,
        backbone: Backbone,
        photo: Tensor,
        styles: Sequence[Style],
        options: PaintOptions,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self._perception = Perception(
            backbone,
            options.content_layers,
            options.style_layers,
            style_loss=options.style_loss,
            normalise=options.normalise,
            dtype=dtype,
        )
        content_weight, style_weight, tv_weight = options.weights
        self._weights = {"style": style_weight, "content": content_weight, "tv": tv_weight}
        with torch.no_grad():
            self._content = self._perception.content_terms(photo) if content_weight > 0 else []
            self._style = (
                [term for style in styles for term in self._terms(style)] if style_weight > 0 else []
            )

    def __call__(self, image: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The value and its unweighted terms, `style`, `content` and `tv`, for (1, 3, H, W).

        Style or content of weight 0 is not computed, nor are the layers that it alone needs.
        """
        layers = {t.layer for t in self._style} | {t.layer for t in self._content}
        features = self._perception.features(image, layers)
        terms = {"tv": losses.total_variation(image)}
        if self._style:
            terms["style"] = self._perception.style_error(features, self._style)[0]
        if self._content:
            terms["content"] = self._perception.content_error(features, self._content)[0]
        total = _RANGE_WEIGHT * losses.out_of_range(image)
        for name, value in terms.items():
            total = total + self._weights[name] * value
        return total, terms

    def _terms(self, style: Style) -> list[StyleTerm]:
        alpha = None if style.alpha is None else style.alpha[None]
        return self._perception.style_terms(style.image[None], alpha, style.weight)

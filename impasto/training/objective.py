"""What a network minimises: for a style, or, in priming, for giving back what it sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from impasto import losses
from impasto.perception import Perception, StyleTerm
from impasto.training.options import TrainOptions

RANGE_WEIGHT = 10.0
FLAT = 0.1  # of the mean square: what the variance of a crop of plain sky is taken to be
_PIXEL_WEIGHT = 0.1


Batch = TypeVar("Batch", contravariant=True)


class Objective(Protocol[Batch]):
    """A batch and what the network made of it, (N, 3, H, W), to the value and its unweighted terms.

    All are means over the pictures: only then do processes, and passes, add up to the gradient of one batch.
    """

    def __call__(self, batch: Batch, painted: Tensor, /) -> tuple[Tensor, dict[str, Tensor]]: ...


class StyleObjective:
    """Means over the batch of the style, content and total variation errors, weighted.

    Args:
        perception: with its layers.
        style: what `Perception.style_terms` made of the style picture.
        options: the weights.
    """

    def __init__(self, perception: Perception, style: Sequence[StyleTerm], options: TrainOptions) -> None:
        self._perception, self._style = perception, style
        self._weights = {
            "style": options.style_weight,
            "content": options.content_weight,
            "tv": options.tv_weight,
        }
        self._layers = {name for name, _ in (*perception.content_layers, *perception.style_layers)}

    def __call__(self, photos: Tensor, painted: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        features = self._perception.features(painted, self._layers)
        with torch.no_grad():
            content = self._perception.content_terms(photos)
        terms = {
            "style": self._perception.style_error(features, self._style).mean(),
            "content": self._perception.content_error(features, content).mean(),
            "tv": losses.total_variation(painted),
        }
        total = RANGE_WEIGHT * losses.out_of_range(painted)
        for name, value in terms.items():
            total = total + self._weights[name] * value
        return total, terms


class PrimingObjective:
    """The mean square difference of the colours, or the content error at relu1_1.

    Features fix the drawing but hardly the colours' level: the content loss has a tenth of the other with it.
    """

    def __init__(self, perception: Perception | None = None) -> None:
        self._perception = perception

    def __call__(self, photos: Tensor, painted: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        pixels = (painted - photos).square().mean()
        if self._perception is None:
            return pixels, {"pixels": pixels}
        with torch.no_grad():
            targets = self._perception.content_terms(photos)
        features = self._perception.features(painted, {term.layer for term in targets})
        content = self._perception.content_error(features, targets).mean()
        return content + _PIXEL_WEIGHT * pixels, {"content": content, "pixels": pixels}

"""Objectives of training: for a style picture, or for identity pretraining (priming)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from impasto import backbones, losses
from impasto.device import resolve_precision
from impasto.errors import UsageError
from impasto.imaging import io
from impasto.imaging.color_transfer import ColorMoments, color_moments, map_colors
from impasto.imaging.files import short_hash
from impasto.imaging.geometry import fit_long_side, resize
from impasto.imaging.light import cell_means, replace_light
from impasto.imaging.style import read_style
from impasto.options import SUMMED, Layers
from impasto.perception import Features, Perception, StyleTerm
from impasto.training.options import AdaptOptions, PrimeOptions, TrainOptions
from impasto.weights import ProgressCallback

_RANGE_WEIGHT = 10.0
FLAT = 0.1  # lower limit of a crop's variance, relative to its mean square, for crops of plain sky
_PIXEL_WEIGHT = 0.1
_FLAT_LIGHT = 1e-3  # variance of colors below which a style counts as single-colored
_OWN = 0.6  # share of a crop in the statistics that it is recolored by; the rest is statistics of photos

# RGB over the pixels of 2,601 photos in sRGB, each resized to 64 x 64
_PHOTOGRAPHS: ColorMoments = (
    torch.tensor([[0.467], [0.451], [0.398]]),
    torch.tensor([[0.0640, 0.0545, 0.0480], [0.0545, 0.0594, 0.0556], [0.0480, 0.0556, 0.0680]]),
)

BatchT = TypeVar("BatchT", contravariant=True)
Pool = Callable[[Features], Features]


def alone(means: Features) -> Features:
    """Return means unchanged: the pool for a step of one pass in one process."""
    return means


class BatchObjective(Protocol[BatchT]):
    """Objective of a batch and its pictures, (N, 3, H, W): returns the value and its unweighted terms.

    The gradients of processes and passes must add up to the gradient of one large batch. So all terms are
    means over the pictures, or functions of pooled means: `pool` takes the means of this batch, by layer, and
    returns the means of all pictures of the step, with the gradient of this batch's means.

    Attributes:
        pools: True if `pool` is used.
    """

    pools: bool

    def __call__(
        self, batch: BatchT, painted: Tensor, pool: Pool = alone, /
    ) -> tuple[Tensor, dict[str, Tensor]]: ...


class StyleObjective:
    """Style, content and total variation errors of a batch, weighted.

    A share of the style error is computed from statistics pooled over the pictures: one crop may be sky and
    another shadow, while together they resemble the style. If each crop had to match the style by itself,
    plain skies would get clouds.

    Args:
        perception: backbone with layers.
        style: the encoded style, from `Perception.style_terms`.
        options: weights, and the share that is pooled.
        colors: color moments of the style picture; if given, photos are recolored before they are encoded.
    """

    def __init__(
        self,
        perception: Perception,
        style: Sequence[StyleTerm],
        options: TrainOptions,
        colors: ColorMoments | None = None,
    ) -> None:
        self._perception, self._style, self._colors = perception, style, colors
        self._pooled = options.pooled if options.style_loss in SUMMED else 0.0
        self.pools = self._pooled > 0
        self._errors = WeightedErrors(perception, options)

    def __call__(
        self, photos: Tensor, painted: Tensor, pool: Pool = alone
    ) -> tuple[Tensor, dict[str, Tensor]]:
        return self._errors(photos, painted, lambda features: self._style_error(features, pool), self._colors)

    def _style_error(self, features: Features, pool: Pool) -> Tensor:
        statistic, error_of = self._perception.comparison.statistic, self._perception.style_error_of
        own = {term.layer: statistic(features[term.layer]) for term in self._style}
        each = error_of(own, self._style).mean()
        if not self.pools:
            return each
        pooled = pool({layer: moments.mean(0, keepdim=True) for layer, moments in own.items()})
        return torch.lerp(each, error_of(pooled, self._style)[0], self._pooled)


class WeightedErrors:
    """Errors of painted photos, and their weighted sum.

    Args:
        perception: backbone with layers.
        options: weights.
        returned: share of the large-scale light that pictures get back when they are made (`StyleControls`):
            style and content are compared after that.
    """

    def __init__(
        self, perception: Perception, options: TrainOptions | AdaptOptions, returned: float = 0.0
    ) -> None:
        self._perception, self._returned = perception, returned
        self._weights = {
            "style": options.style_weight,
            "content": options.content_weight,
            "tv": options.tv_weight,
            "lattice": options.lattice_weight,
            "light": options.light_weight,
        }
        self._layers = {name for name, _ in (*perception.content_layers, *perception.style_layers)}

    def __call__(
        self,
        photos: Tensor,
        painted: Tensor,
        style_error: Callable[[Features], Tensor],
        colors: ColorMoments | None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Weighted sum and unweighted terms; `colors`, if given, recolor the photos before encoding."""
        with torch.no_grad():
            shown = photos if colors is None else recolored(photos, colors)
            content = self._perception.content_terms(shown)
        finished = replace_light(painted, cell_means(shown), self._returned) if self._returned else painted
        features = self._perception.features(finished, self._layers)
        terms = {
            "style": style_error(features),
            "content": self._perception.content_error(features, content).mean(),
            "tv": losses.total_variation(painted),
            "lattice": losses.lattice(painted),
        }
        if colors is not None:
            terms["light"] = light_error(painted, shown, colors[1]).mean()
        total = _RANGE_WEIGHT * losses.out_of_range(painted)
        for name, value in terms.items():
            total = total + self._weights[name] * value
        return total, terms


def light_error(painted: Tensor, recolored: Tensor, covariance: Tensor) -> Tensor:
    """Mean squared difference of large-scale light (`cell_means`), relative to a style's variance, (N,).

    Args:
        painted, recolored: (N, 3, H, W).
        covariance: covariance of the style's colors, (3, 3) or (N, 3, 3).
    """
    difference = cell_means(painted - recolored).square().mean((1, 2, 3))
    return difference / (covariance.diagonal(dim1=-2, dim2=-1).mean(-1) + _FLAT_LIGHT)


def recolored(photos: Tensor, style: ColorMoments) -> Tensor:
    """Recolor crops of photos with a style's colors and light, (N, 3, H, W) in [0, 1].

    `map_colors` maps each crop as a whole, from its statistics mixed with those of photos in general, so that
    a crop of sky is not stretched to all colors of the style.
    """
    own = color_moments(photos)
    mixed = (
        torch.lerp(of_all.to(photos), of_one, _OWN) for of_all, of_one in zip(_PHOTOGRAPHS, own, strict=True)
    )
    mean, covariance = mixed
    return map_colors(photos, (mean, covariance), style).clamp(0, 1)


class PrimingObjective:
    """Mean squared difference of colors, or content error at relu1_1.

    Features determine the drawing, but hardly the level of colors: so the content loss includes a tenth of
    the color difference.
    """

    pools = False

    def __init__(self, perception: Perception | None = None) -> None:
        self._perception = perception

    def __call__(
        self, photos: Tensor, painted: Tensor, pool: Pool = alone
    ) -> tuple[Tensor, dict[str, Tensor]]:
        pixels = (painted - photos).square().mean()
        if self._perception is None:
            return pixels, {"pixels": pixels}
        with torch.no_grad():
            targets = self._perception.content_terms(photos)
        features = self._perception.features(painted, {term.layer for term in targets})
        content = self._perception.content_error(features, targets).mean()
        return content + _PIXEL_WEIGHT * pixels, {"content": content, "pixels": pixels}


@dataclass(frozen=True)
class BuiltObjective:
    """Objective with fingerprints of its inputs, which must match when a checkpoint is resumed."""

    objective: BatchObjective[Tensor]
    made_of: dict[str, str] = field(default_factory=dict)


def style_objective(
    style: io.Source,
    options: TrainOptions,
    device: torch.device,
    on_download: ProgressCallback | None = None,
) -> BuiltObjective:
    """Build the objective for a style. Raises ImageError, WeightsError (unreadable files) and UsageError."""
    image, info = read_style(style)
    perception = _perceive(options, options.content_layers, options.style_layers, device, on_download)
    layers = [name for name, _ in (*perception.content_layers, *perception.style_layers)]
    if options.size < (least := perception.backbone.least_side(layers)):
        raise UsageError(
            f"crops of {options.size} pixels are too small for {options.backbone}, which needs {least}: "
            "choose a larger size= or shallower layers"
        )
    size = fit_long_side(info.size, options.style_size)
    seen = resize(image[None], size).to(device)
    alpha = None if info.alpha is None else resize(info.alpha[None], size).to(device)
    with torch.no_grad():
        terms = perception.style_terms(seen, alpha)
    colors = color_moments(seen[0], None if alpha is None else alpha[0]) if options.recolor else None
    digest = short_hash([image.numpy().tobytes()])
    return BuiltObjective(StyleObjective(perception, terms, options, colors), {"style picture": digest})


def priming_objective(
    options: PrimeOptions, device: torch.device, on_download: ProgressCallback | None = None
) -> BuiltObjective:
    """Build the objective of identity pretraining (priming)."""
    if options.loss == "pixels":
        return BuiltObjective(PrimingObjective())
    return BuiltObjective(
        PrimingObjective(_perceive(options, (("relu1_1", 1.0),), None, device, on_download))
    )


def _perceive(
    options: TrainOptions | PrimeOptions,
    content: Layers | None,
    style: Layers | None,
    device: torch.device,
    on_download: ProgressCallback | None,
) -> Perception:
    known = options if isinstance(options, TrainOptions) else TrainOptions(backbone=options.backbone)
    backbone = backbones.load(known.backbone, pooling=known.pooling, on_progress=on_download)
    return Perception(
        backbone.to(device, memory_format=torch.channels_last),  # type: ignore[call-overload]
        content,
        style,
        style_loss=known.style_loss,
        normalize=known.normalize,
        dtype=resolve_precision(options.precision, device),
        flat=FLAT,
    )

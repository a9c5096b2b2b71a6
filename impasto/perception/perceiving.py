"""Choose layers of a backbone, and compute style and content errors from their features."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto import losses
from impasto.backbones import Backbone
from impasto.errors import UsageError
from impasto.options import Layers, StyleLoss
from impasto.perception.comparisons import COMPARISONS, Error

Features = dict[str, Tensor]


class StyleTerm(NamedTuple):
    """One layer's term of a style error."""

    layer: str
    error: Error
    factor: float


class ContentTerm(NamedTuple):
    """One layer's term of a content error."""

    layer: str
    target: Tensor  # features of the photos, (N, C, h, w), as the backbone gave them
    factor: Tensor  # weight of the error, (N,)


class Perception:
    """A backbone with layers, a kind of style loss and a precision: computes style and content errors.

    Args:
        backbone: frozen, on the images' device.
        content_layers, style_layers: None takes the default layers.
        style_loss: "moments", means and covariances; "gram"; "sliced", whole distributions; or "nearest",
            the most similar position.
        normalize: errors relative to their targets; False gives the plain mean squares of the literature.
        dtype: precision of the convolutions; statistics and sums are always float32.
        flat: lower limit of a photo's variance, as a share of the mean square, so that a crop of plain sky
            does not outweigh all other crops.
    """

    def __init__(
        self,
        backbone: Backbone,
        content_layers: Layers | None = None,
        style_layers: Layers | None = None,
        *,
        style_loss: StyleLoss = "moments",
        normalize: bool = True,
        dtype: torch.dtype = torch.float32,
        flat: float = 1e-6,
    ) -> None:
        self.backbone, self.dtype, self.normalize, self.flat = backbone, dtype, normalize, flat
        self.content_layers, self.style_layers = resolve_layers(backbone, content_layers, style_layers)
        self.comparison = COMPARISONS[style_loss]
        device = next(backbone.parameters()).device
        self._roots = {name: _root(a).to(device) for name, a in backbone.maps.items()}

    def features(self, image: Tensor, layers: Collection[str]) -> Features:
        """Features by layer, (N, C, h, w), of images (N, 3, H, W) in [0, 1]."""
        with torch.autocast(image.device.type, torch.bfloat16, enabled=self.dtype == torch.bfloat16):
            features: Features = self.backbone(image, layers)
        return features

    def style_terms(self, image: Tensor, alpha: Tensor | None = None, share: float = 1.0) -> list[StyleTerm]:
        """Encode a style, (1, 3, H, W); `alpha`, (1, 1, H, W), leaves transparent pixels out."""
        features = self.features(image, dict(self.style_layers))
        masks = {} if alpha is None else {layer: shrink(alpha, f.shape[2:]) for layer, f in features.items()}
        statistic = self.comparison.statistic
        return self.style_terms_of({k: statistic(f, masks.get(k)) for k, f in features.items()}, share)

    def style_terms_of(self, statistics: Mapping[str, Tensor], share: float = 1.0) -> list[StyleTerm]:
        """Encode a style from its statistics (those of `comparison`) at all style layers.

        Normalized: relative errors averaged over layers. Raw: mean squares of Gram matrices over C, summed.
        """
        whole, kind = sum(weight for _, weight in self.style_layers), self.comparison
        terms = []
        for layer, weight in self.style_layers:
            style, root = statistics[layer], self._roots.get(layer)
            relative = kind.balance / (whole * float(kind.norm(style, root).clamp_min(1e-12)))
            factor = relative if self.normalize else float(self._channels(layer)) ** -kind.raw_power
            terms.append(StyleTerm(layer, kind.towards(style, root), share * weight * factor))
        return terms

    def style_error(self, features: Features, terms: Sequence[StyleTerm]) -> Tensor:
        """Style error of each image, (N,), from its features."""
        layers = {term.layer for term in terms}
        return self.style_error_of({k: self.comparison.statistic(features[k]) for k in layers}, terms)

    def style_error_of(self, statistics: Mapping[str, Tensor], terms: Sequence[StyleTerm]) -> Tensor:
        """Style error of each image, (N,), from the statistics of `comparison`, in their precision."""
        return torch.stack([t.factor * t.error(statistics[t.layer]) for t in terms]).sum(0)

    def content_terms(self, photo: Tensor) -> list[ContentTerm]:
        """Encode photos, (N, 3, H, W)."""
        features = self.features(photo, dict(self.content_layers))
        factors = self.content_factors({layer: losses.second_moments(f) for layer, f in features.items()})
        return [ContentTerm(layer, features[layer], factors[layer]) for layer, _ in self.content_layers]

    def content_factors(self, moments: Features) -> Features:
        """Weights of the content errors by layer, (N,), from the second moments of the photos' features."""
        whole = sum(weight for _, weight in self.content_layers)
        factors = {}
        for layer, weight in self.content_layers:
            own, linear = moments[layer], self._linear(layer, moments[layer].dtype)
            variance = losses.spatial_variance(own, linear, self.flat)
            mapped = own.shape[1] - 1 if linear is None else len(linear)
            raw = torch.full_like(variance, mapped / self._channels(layer))
            factors[layer] = (weight * (1 / (whole * variance) if self.normalize else raw)).float()
        return factors

    def content_error(self, features: Features, terms: Sequence[ContentTerm]) -> Tensor:
        """Content error of each image, (N,), measured in the teacher's channels."""
        differences = [self._mapped(t.layer, features[t.layer].float() - t.target.float()) for t in terms]
        errors = [t.factor * losses.content_error(d) for t, d in zip(terms, differences, strict=True)]
        return torch.stack(errors).sum(0)

    def _mapped(self, layer: str, difference: Tensor) -> Tensor:
        """Map a difference of features to the teacher's channels; the constant of the map cancels."""
        linear = self._linear(layer, difference.dtype)
        return difference if linear is None else F.conv2d(difference, linear[:, :, None, None])

    def _linear(self, layer: str, dtype: torch.dtype) -> Tensor | None:
        root = self._roots.get(layer)
        return None if root is None else root[:-1, :-1].to(dtype)

    def _channels(self, layer: str) -> int:
        """Number of the teacher's channels at a layer."""
        if layer in self.backbone.maps:
            return len(self.backbone.maps[layer])
        *_, deepest = (name for name in self.backbone.path_to([layer]) if name.startswith("conv"))
        return self.backbone.width_of(deepest)


def _root(a: Tensor) -> Tensor:
    """Small matrix that maps statistics to the teacher's channels, up to a rotation of these.

    With A~ = Q R, |A~ M A~^T| = |R M R^T|: R replaces A~. A last row keeps the constant.
    """
    r = torch.linalg.qr(a.double()).R.float()
    return torch.cat([r, torch.eye(r.shape[1])[-1:]])


_STYLE_LAYERS: Layers = tuple((f"relu{block}_1", 1.0) for block in range(1, 6))
_CONTENT_LAYERS: Layers = (("relu3_1", 1.0), ("relu4_1", 1.0))


def resolve_layers(backbone: Backbone, content: Layers | None, style: Layers | None) -> tuple[Layers, Layers]:
    """Resolve content and style layers: the given layers, or the default layers that this backbone has.

    Raises UsageError for a layer that the backbone does not have.
    """
    usual = [name for name, _ in _STYLE_LAYERS if name in backbone.layers]
    style = style or tuple((name, 1.0) for name in usual)
    deepest = [name for name, _ in _CONTENT_LAYERS if name in backbone.layers] or usual[-1:]
    content = content or tuple((name, 1.0) for name in deepest)
    if not style or not content:
        raise UsageError(
            f"{backbone.source} has none of the usual layers: name some of {', '.join(backbone.layers)}"
        )
    backbone.path_to([name for name, _ in (*content, *style)])
    return content, style


def shrink(mask: Tensor, size: Sequence[int]) -> Tensor:
    """Shrink a mask (N, 1, H, W) to (N, 1, h, w) by averaging over the area of each position."""
    return F.interpolate(mask, size=tuple(size), mode="area")

"""What a backbone sees of pictures, and how far that is from a style and from a photo.

Both jobs, painting and training, minimise these two errors. For a backbone that was taught by another, all
statistics are its teacher's (`backbones.base.Backbone.maps`), up to a rotation, which no error here sees.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto import losses
from impasto.backbones import Backbone
from impasto.errors import UsageError
from impasto.options import Layers, StyleLoss

Features = dict[str, Tensor]
Error = Callable[[Tensor], Tensor]  # of second moments (N, C + 1, C + 1) against a target: (N,)

_STYLE_LAYERS: Layers = tuple((f"relu{block}_1", 1.0) for block in range(1, 6))
_CONTENT_LAYERS: Layers = (("relu3_1", 1.0), ("relu4_1", 1.0))


def resolve_layers(backbone: Backbone, content: Layers | None, style: Layers | None) -> tuple[Layers, Layers]:
    """Content and style layers: those asked for, or the usual ones that this backbone has.

    Raises UsageError for a layer that the backbone has not.
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


class StyleTerm(NamedTuple):
    """What one layer adds to a style error."""

    layer: str
    error: Error
    factor: float


class ContentTerm(NamedTuple):
    """What one layer adds to a content error."""

    layer: str
    target: Tensor  # features of the photos, (N, C, h, w), as the backbone gave them
    factor: Tensor  # (N,)


class Perception:
    """A backbone with its layers, its kind of style loss, and the precision that it runs in.

    Args:
        backbone: frozen, on the images' device.
        content_layers, style_layers: None takes the usual ones.
        style_loss: "moments", means and covariances, or "gram".
        normalise: errors relative to their targets; else the plain mean squares of the literature.
        dtype: of the convolutions; statistics and sums are float32 always.
        flat: share of the mean square that a photo's variance is taken to have at least, so that a crop of
            plain sky does not outweigh all others.
    """

    def __init__(
        self,
        backbone: Backbone,
        content_layers: Layers | None = None,
        style_layers: Layers | None = None,
        *,
        style_loss: StyleLoss = "moments",
        normalise: bool = True,
        dtype: torch.dtype = torch.float32,
        flat: float = 1e-6,
    ) -> None:
        self.backbone, self.dtype, self.normalise, self.flat = backbone, dtype, normalise, flat
        self.content_layers, self.style_layers = resolve_layers(backbone, content_layers, style_layers)
        self._loss = _STYLE_LOSSES[style_loss]
        device = next(backbone.parameters()).device
        self._roots = {name: _root(a).to(device) for name, a in backbone.maps.items()}

    def features(self, image: Tensor, layers: Collection[str]) -> Features:
        """By layer, (N, C, h, w), of images (N, 3, H, W) in [0, 1]."""
        with torch.autocast(image.device.type, torch.bfloat16, enabled=self.dtype == torch.bfloat16):
            features: Features = self.backbone(image, layers)
        return features

    def style_terms(self, image: Tensor, alpha: Tensor | None = None, share: float = 1.0) -> list[StyleTerm]:
        """A style, (1, 3, H, W), encoded; `alpha`, (1, 1, H, W), leaves transparent pixels out."""
        features = self.features(image, dict(self.style_layers))
        masks = {} if alpha is None else {layer: shrink(alpha, f.shape[2:]) for layer, f in features.items()}
        moments = {layer: losses.second_moments(f, masks.get(layer)) for layer, f in features.items()}
        return self.style_terms_of(moments, share)

    def style_terms_of(self, moments: Features, share: float = 1.0) -> list[StyleTerm]:
        """A style encoded, from the second moments of its features at all style layers.

        Normalised: relative errors averaged over layers. Raw: mean squares of Gram matrices over C, summed.
        """
        whole = sum(weight for _, weight in self.style_layers)
        terms = []
        for layer, weight in self.style_layers:
            target = self._taught(layer, moments[layer])
            relative = self._loss.balance / (whole * float(self._loss.norm(target).clamp_min(1e-12)))
            raw = float(self._channels(layer, moments[layer])) ** -self._loss.raw_power
            factor = relative if self.normalise else raw
            terms.append(StyleTerm(layer, self._loss.towards(target), share * weight * factor))
        return terms

    def style_error(self, features: Features, terms: Sequence[StyleTerm]) -> Tensor:
        """(N,)"""
        layers = {t.layer for t in terms}
        return self.style_error_of({k: losses.second_moments(features[k]) for k in layers}, terms)

    def style_error_of(self, moments: Features, terms: Sequence[StyleTerm]) -> Tensor:
        """(N,), from the second moments of the features, in their precision."""
        taught = {layer: self._taught(layer, moments[layer]) for layer in {t.layer for t in terms}}
        return torch.stack([t.factor * t.error(taught[t.layer]) for t in terms]).sum(0)

    def content_terms(self, photo: Tensor) -> list[ContentTerm]:
        """Photos, (N, 3, H, W), encoded."""
        features = self.features(photo, dict(self.content_layers))
        factors = self.content_factors({layer: losses.second_moments(f) for layer, f in features.items()})
        return [ContentTerm(layer, features[layer], factors[layer]) for layer, _ in self.content_layers]

    def content_factors(self, moments: Features) -> Features:
        """By layer, (N,): how much a content error counts, from the second moments of photos' features."""
        whole = sum(weight for _, weight in self.content_layers)
        factors = {}
        for layer, weight in self.content_layers:
            own, linear = moments[layer], self._linear(layer, moments[layer].dtype)
            variance = losses.spatial_variance(own, linear, self.flat)
            mapped = own.shape[1] - 1 if linear is None else len(linear)
            raw = torch.full_like(variance, mapped / self._channels(layer, own))
            factors[layer] = (weight * (1 / (whole * variance) if self.normalise else raw)).float()
        return factors

    def content_error(self, features: Features, terms: Sequence[ContentTerm]) -> Tensor:
        """(N,), in the teacher's channels."""
        differences = [self._mapped(t.layer, features[t.layer].float() - t.target.float()) for t in terms]
        errors = [t.factor * losses.content_error(d) for t, d in zip(terms, differences, strict=True)]
        return torch.stack(errors).sum(0)

    def _taught(self, layer: str, moments: Tensor) -> Tensor:
        """The second moments of the teacher's channels, but for a rotation of them."""
        root = self._roots.get(layer)
        if root is None:
            return moments
        root = root.to(moments.dtype)
        return root @ moments @ root.T

    def _mapped(self, layer: str, difference: Tensor) -> Tensor:
        """A difference of features, in which the maps' constant cancels."""
        linear = self._linear(layer, difference.dtype)
        return difference if linear is None else F.conv2d(difference, linear[:, :, None, None])

    def _linear(self, layer: str, dtype: torch.dtype) -> Tensor | None:
        root = self._roots.get(layer)
        return None if root is None else root[:-1, :-1].to(dtype)

    def _channels(self, layer: str, moments: Tensor) -> int:
        """The teacher's."""
        return len(self.backbone.maps[layer]) if layer in self.backbone.maps else moments.shape[1] - 1


class _StyleLoss(NamedTuple):
    towards: Callable[[Tensor], Error]
    norm: Callable[[Tensor], Tensor]
    balance: float  # makes the relative error of a photo as large as Gram's, so that strength means the same
    raw_power: int  # of the number of channels: what a plain error is divided by


def _gram_towards(target: Tensor) -> Error:
    return lambda moments: losses.gram_error(moments, target)


def _moments_towards(target: Tensor) -> Error:
    root = losses.covariance_root(target)
    return lambda moments: losses.wasserstein_error(moments, target, root)


_STYLE_LOSSES = {
    "gram": _StyleLoss(_gram_towards, losses.gram_norm, 1.0, 4),
    "moments": _StyleLoss(_moments_towards, losses.wasserstein_norm, 1.5, 1),
}


def _root(a: Tensor) -> Tensor:
    """A small matrix that gives the moments of the teacher's channels, but for a rotation of them.

    With A~ = Q R, |A~ M A~^T| = |R M R^T|: R takes the place of A~. A last row keeps the constant.
    """
    r = torch.linalg.qr(a.double()).R.float()
    return torch.cat([r, torch.eye(r.shape[1])[-1:]])


def shrink(mask: Tensor, size: Sequence[int]) -> Tensor:
    """(N, 1, H, W) to (N, 1, h, w): the average over the area of each position."""
    return F.interpolate(mask, size=tuple(size), mode="area")

"""What a painting minimises: style, content and smoothness, weighted, at one scale."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto import losses
from impasto.backbones import Backbone
from impasto.errors import UsageError
from impasto.painting.options import Layers, PaintOptions

_STYLE_LAYERS: Layers = tuple((f"relu{block}_1", 1.0) for block in range(1, 6))
_CONTENT_LAYERS: Layers = (("relu3_1", 1.0), ("relu4_1", 1.0))
_RANGE_WEIGHT = 10.0


Error = Callable[[Tensor], Tensor]  # of second moments (1, C + 1, C + 1) against a target: (1,)


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


@dataclass(frozen=True)
class Style:
    """A style picture: float32 sRGB (3, H, W) in [0, 1], its share of the whole, and what of it counts.

    `alpha`, (1, H, W) in [0, 1], leaves transparent pixels out.
    """

    image: Tensor
    weight: float = 1.0
    alpha: Tensor | None = None


def resolve_layers(backbone: Backbone, options: PaintOptions) -> tuple[Layers, Layers]:
    """Content and style layers: those asked for, or the usual ones that this backbone has.

    Raises UsageError for a layer that the backbone has not.
    """
    usual = [name for name, _ in _STYLE_LAYERS if name in backbone.layers]
    style = options.style_layers or tuple((name, 1.0) for name in usual)
    deepest = [name for name, _ in _CONTENT_LAYERS if name in backbone.layers] or usual[-1:]
    content = options.content_layers or tuple((name, 1.0) for name in deepest)
    if not style or not content:
        raise UsageError(
            f"{backbone.source} has none of the usual layers: name some of {', '.join(backbone.layers)}"
        )
    backbone.path_to([name for name, _ in (*content, *style)])
    return content, style


class _StyleTerm(NamedTuple):
    layer: str
    error: Error
    factor: float


class _ContentTerm(NamedTuple):
    layer: str
    target: Tensor  # features of the photo, (1, C, h, w)
    factor: float


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
        self.backbone, self.dtype, self.options = backbone, dtype, options
        self._roots = {name: _root(a).to(photo.device) for name, a in backbone.maps.items()}
        self._content_layers, self._style_layers = resolve_layers(backbone, options)
        content_weight, style_weight, self._tv_weight = options.weights
        with torch.no_grad():
            self._content = self._content_terms(photo) if content_weight > 0 else []
            self._style = (
                [t for style in styles for t in self._style_terms(style)] if style_weight > 0 else []
            )
        self._weights = {"style": style_weight, "content": content_weight, "tv": self._tv_weight}

    def __call__(self, image: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The value and its unweighted terms, `style`, `content` and `tv`, for (1, 3, H, W).

        Style or content of weight 0 is not computed, nor are the layers that it alone needs.
        """
        layers = {t.layer for t in self._style} | {t.layer for t in self._content}
        features = self._features(image, layers)
        terms = {"tv": losses.total_variation(image)}
        if self._style:
            terms["style"] = self._style_value(features)
        if self._content:
            terms["content"] = self._content_value(features)
        total = _RANGE_WEIGHT * losses.out_of_range(image)
        for name, value in terms.items():
            total = total + self._weights[name] * value
        return total, terms

    def _features(self, image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        with torch.autocast(image.device.type, torch.bfloat16, enabled=self.dtype == torch.bfloat16):
            features: dict[str, Tensor] = self.backbone(image, layers)
        return features

    def _style_value(self, features: dict[str, Tensor]) -> Tensor:
        moments = {layer: self._moments(layer, features[layer]) for layer in {t.layer for t in self._style}}
        return torch.stack([t.factor * t.error(moments[t.layer]).sum() for t in self._style]).sum()

    def _content_value(self, features: dict[str, Tensor]) -> Tensor:
        errors = [
            t.factor * losses.content_error(self._mapped(t.layer, features[t.layer]), t.target)
            for t in self._content
        ]
        return torch.stack(errors).sum()

    def _style_terms(self, style: Style) -> Iterator[_StyleTerm]:
        """Relative errors averaged over layers; or, raw, mean squares of Gram matrices over C, summed."""
        loss = _STYLE_LOSSES[self.options.style_loss]
        features = self._features(style.image[None], dict(self._style_layers))
        whole = sum(weight for _, weight in self._style_layers)
        for layer, weight in self._style_layers:
            mask = None if style.alpha is None else _shrink(style.alpha[None], features[layer])
            target = self._moments(layer, features[layer], mask)
            channels = self._channels(layer, features[layer])
            relative = loss.balance / (whole * float(loss.norm(target).clamp_min(1e-12)))
            factor = relative if self.options.normalise else float(channels) ** -loss.raw_power
            yield _StyleTerm(layer, loss.towards(target), style.weight * weight * factor)

    def _content_terms(self, photo: Tensor) -> list[_ContentTerm]:
        features = self._features(photo, dict(self._content_layers))
        whole = sum(weight for _, weight in self._content_layers)
        terms = []
        for layer, weight in self._content_layers:
            target = self._mapped(layer, features[layer])
            relative = 1 / (whole * float(losses.spatial_variance(target)))
            raw = target.shape[1] / self._channels(layer, features[layer])
            terms.append(_ContentTerm(layer, target, weight * (relative if self.options.normalise else raw)))
        return terms

    def _moments(self, layer: str, features: Tensor, mask: Tensor | None = None) -> Tensor:
        """The teacher's second moments, up to a rotation of its channels, which no error here sees."""
        moments = losses.second_moments(features, mask)
        root = self._roots.get(layer)
        return moments if root is None else root @ moments @ root.T

    def _mapped(self, layer: str, features: Tensor) -> Tensor:
        """The teacher's features up to that rotation and a constant, which cancels in differences."""
        root = self._roots.get(layer)
        return features.float() if root is None else F.conv2d(features.float(), root[:-1, :-1, None, None])

    def _channels(self, layer: str, features: Tensor) -> int:
        return len(self.backbone.maps[layer]) if layer in self.backbone.maps else features.shape[1]


def _root(a: Tensor) -> Tensor:
    """A small matrix that gives the moments of the teacher's channels, but for a rotation of them.

    With A~ = Q R, |A~ M A~^T| = |R M R^T|: R takes the place of A~. A last row keeps the constant.
    """
    r = torch.linalg.qr(a.double()).R.float()
    return torch.cat([r, torch.eye(r.shape[1])[-1:]])


def _shrink(mask: Tensor, features: Tensor) -> Tensor:
    return F.interpolate(mask, size=features.shape[2:], mode="area")

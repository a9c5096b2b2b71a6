"""Features of a backbone, and style and content errors computed from them.

Painting and training minimize these two errors. For a backbone that was distilled from a teacher, all
statistics are the teacher's (`backbones.base.Backbone.maps`), up to a rotation, which changes no error here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto import losses
from impasto.backbones import Backbone
from impasto.errors import UsageError
from impasto.options import Layers, StyleLoss

Features = dict[str, Tensor]
Error = Callable[[Tensor], Tensor]  # maps a picture's statistic to its error, (N,)

_MOST_QUANTILES = 1 << 16  # most positions of a style whose projections are sorted
_MOST_PAIRS = 1 << 26  # pairs of positions compared to find the nearest, for pictures of equal size
_SHARE_OF_MOMENTS = 0.5
_LEAST_NEIGHBORS = 512  # fewest positions of a style that are searched for the nearest


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


class StyleComparison(Protocol):
    """A kind of style loss.

    Attributes:
        balance: factor that makes a photo's relative error as large as that of `Gram`, so that a strength has
            the same effect with every kind.
        raw_power: a plain error is divided by the number of channels to this power.
    """

    balance: float
    raw_power: int

    def statistic(self, features: Tensor, weight: Tensor | None = None) -> Tensor:
        """Statistic of (N, C, h, w) that is compared; `weight`, (N, 1, h, w), weights positions."""
        ...

    def norm(self, style: Tensor, root: Tensor | None) -> Tensor:
        """Norm of a style's statistic that divides the error, (1,)."""
        ...

    def towards(self, style: Tensor, root: Tensor | None) -> Error:
        """Make the function that computes the error of a picture's statistic against a style's."""
        ...


class Gram:
    """Gram matrices (Gatys et al. 2016)."""

    balance, raw_power = 1.0, 4

    def statistic(self, features: Tensor, weight: Tensor | None = None) -> Tensor:
        """Second moments of the features."""
        return losses.second_moments(features, weight)

    def norm(self, style: Tensor, root: Tensor | None) -> Tensor:
        """Squared norm of the style's Gram matrix, (1,)."""
        return losses.gram_norm(_taught(style, root))

    def towards(self, style: Tensor, root: Tensor | None) -> Error:
        """Make the function that computes the squared distance to the style's Gram matrix."""
        target = _taught(style, root)
        return lambda moments: losses.gram_error(_taught(moments, root), target)


class Moments:
    """Means and covariances, compared by the Wasserstein distance of the Gaussians that have them."""

    balance, raw_power = 1.5, 1

    def statistic(self, features: Tensor, weight: Tensor | None = None) -> Tensor:
        """Second moments of the features, which contain means and covariances."""
        return losses.second_moments(features, weight)

    def norm(self, style: Tensor, root: Tensor | None) -> Tensor:
        """Norm of the style's moments that divides the error, (1,)."""
        return losses.wasserstein_norm(_taught(style, root))

    def towards(self, style: Tensor, root: Tensor | None) -> Error:
        """Make the function that computes the Wasserstein distance to the style's moments."""
        target = _taught(style, root)
        spread = losses.covariance_root(target)
        return lambda moments: losses.wasserstein_error(_taught(moments, root), target, spread)


class Sliced:
    """Whole distributions, compared by their projections onto the principal axes of the style.

    Heitz et al. 2021 draw directions at random. The strongest channels dominate nearly all random directions,
    and weak channels, such as colors, have no influence. Principal axes separate them, and the style is
    sorted only once.
    """

    balance, raw_power = 3.0, 1

    def statistic(self, features: Tensor, weight: Tensor | None = None) -> Tensor:
        """Features at all positions that count, (N, C, P)."""
        return _positions(features, weight)

    def norm(self, style: Tensor, root: Tensor | None) -> Tensor:
        """Norm of the style's moments that divides the error, (1,)."""
        return losses.wasserstein_norm(_taught(_moments_of(style), root))

    def towards(self, style: Tensor, root: Tensor | None) -> Error:
        """Make the function that compares sorted projections with those of the style."""
        root = torch.eye(style.shape[1] + 1, device=style.device) if root is None else root
        # projecting mapped features onto an axis equals projecting the features onto root^T times the axis
        lines = losses.principal_axes(_taught(_moments_of(style), root))[0].T @ root[:-1]
        target = _projected(_some(style, _MOST_QUANTILES), lines).sort(2).values
        return lambda features: len(lines) * losses.sliced_error(_projected(features, lines), target)


class Nearest:
    """Each position against the most similar position of the style, plus the moments with half the weight.

    An angle between features depends on neither level nor contrast, which Kolkin et al. 2022 restore
    afterwards by the moments of colors.
    """

    balance, raw_power = 0.8, 0

    def statistic(self, features: Tensor, weight: Tensor | None = None) -> Tensor:
        """Features at all positions that count, (N, C, P)."""
        return _positions(features, weight)

    def norm(self, style: Tensor, root: Tensor | None) -> Tensor:
        """Norm that divides the error, (1,)."""
        return torch.ones(1)

    def towards(self, style: Tensor, root: Tensor | None) -> Error:
        """Make the function that compares positions with the most similar ones of the style."""
        linear = None if root is None else root[:-1, :-1]
        most = max(_LEAST_NEIGHBORS, _MOST_PAIRS // style.shape[2])
        target = _mapped(_some(style, most), linear)
        known = _moments_of(style)
        moments = Moments().towards(known, root)
        share = _SHARE_OF_MOMENTS / Moments().norm(known, root)

        def error(features: Tensor) -> Tensor:
            matched = losses.nearest_error(_mapped(features, linear), target, features.dtype)
            return matched + share * moments(_moments_of(features))

        return error


COMPARISONS: dict[StyleLoss, StyleComparison] = {
    "moments": Moments(),
    "gram": Gram(),
    "sliced": Sliced(),
    "nearest": Nearest(),
}


def _taught(moments: Tensor, root: Tensor | None) -> Tensor:
    """Second moments of the teacher's channels, from those of the backbone's channels."""
    return moments if root is None else root.to(moments.dtype) @ moments @ root.to(moments.dtype).T


def _positions(features: Tensor, weight: Tensor | None) -> Tensor:
    """Flatten (N, C, h, w) to (N, C, P); with weights (N = 1), keep those of at least half the largest."""
    flat = features.flatten(2)
    return flat if weight is None else flat[..., (weight >= weight.max() / 2).flatten()]


def _some(positions: Tensor, most: int) -> Tensor:
    """Select at most `most` positions, (1, C, Q), at random with a fixed seed."""
    count = positions.shape[2]
    if count <= most:
        return positions
    chosen = torch.randperm(count, generator=torch.Generator().manual_seed(0))[:most]
    return positions[..., chosen.to(positions.device)]


def _moments_of(positions: Tensor) -> Tensor:
    """Second moments of (N, C, P)."""
    return losses.second_moments(positions.unsqueeze(3))


def _projected(features: Tensor, lines: Tensor) -> Tensor:
    """Project (N, C, P), with a constant 1 appended, onto lines (K, C + 1): (N, K, P), float32."""
    return lines[:, :-1] @ features.float() + lines[:, -1:]


def _mapped(features: Tensor, linear: Tensor | None) -> Tensor:
    """Map features to the teacher's channels, without the constant, in float32."""
    return features.float() if linear is None else linear @ features.float()

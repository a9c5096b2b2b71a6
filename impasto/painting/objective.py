"""Objective of a painting at one scale: weighted sum of style, content, light and smoothness terms."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto import losses
from impasto.backbones import Backbone
from impasto.options import SUMMED
from impasto.painting.options import PaintOptions
from impasto.painting.tiles import Tile, cut, reach, strides, sum_over
from impasto.perception import ContentTerm, Features, Perception, StyleTerm, shrink

_RANGE_WEIGHT = 10.0
_LIGHT_WEIGHT = 0.3  # relative to the content weight
_FLAT_LIGHT = 1e-3  # variance of colors below which a picture counts as single-colored


@dataclass(frozen=True)
class Style:
    """A style picture, float32 sRGB (3, H, W) in [0, 1].

    Attributes:
        image: the picture.
        weight: share of this style in its region, or in the whole picture.
        alpha: (1, H, W) in [0, 1]: transparent pixels do not count.
        region: index of the style's mask in the list of regions; without masks, the picture is one region.
        scale: size of the style, relative to the size that the options give.
        margin: pixels of mirrored border added on each side at each scale. The margin itself does not count;
            it keeps the effects of the backbone's padding out of the style.
    """

    image: Tensor
    weight: float = 1.0
    alpha: Tensor | None = None
    region: int = 0
    scale: float = 1.0
    margin: int = 0


class Objective:
    """Weighted sum of the terms for an image of the photo's size; targets are encoded once.

    Args:
        backbone: frozen, on the images' device.
        photo: (1, 3, H, W) in [0, 1].
        styles: styles at their size at this scale; weights sum to 1 in each region. Read once, in order.
        options: layers, weights, kind of style loss.
        dtype: precision of the convolutions; statistics and sums are float32, or, in tiles, float64.
        tile: side in pixels of the tiles in which pictures, styles too, are processed; None for no tiles.
        regions: masks (1, H, W) in [0, 1] of the photo's size, one for each region. Statistics of the picture
            are then taken within each region, as in guided Gram matrices (Gatys et al. 2017), and regions
            count by their areas.
        light: (1, 3, h, w) of any size, a picture whose large-scale light and color the painting keeps; None
            for no light term. Without the term, more gradients bring more clouds of the style's colors.
    """

    def __init__(
        self,
        backbone: Backbone,
        photo: Tensor,
        styles: Iterable[Style],
        options: PaintOptions,
        dtype: torch.dtype = torch.float32,
        tile: int | None = None,
        regions: Sequence[Tensor] = (),
        light: Tensor | None = None,
    ) -> None:
        self._perception = _perceive(backbone, options, dtype)
        # float32 rounds large eigenvalues so coarsely that small ones, whose roots matter, are lost; float64
        # takes some milliseconds more, which matter only for small pictures
        self._sums = torch.float64 if tile and photo.device.type != "mps" else torch.float32
        self._summed = options.style_loss in SUMMED
        content_weight, style_weight, tv_weight = options.weights
        self._weights = {
            "style": style_weight,
            "content": content_weight,
            "light": _LIGHT_WEIGHT * content_weight,
            "tv": tv_weight,
        }
        content = {name for name, _ in self._perception.content_layers} if content_weight > 0 else set()
        style = {name for name, _ in self._perception.style_layers} if style_weight > 0 else set()
        self._style_layers, self._layers = sorted(style), content | style
        self._strides = strides(backbone, self._layers)
        self._stride, halo = reach(backbone, self._layers)
        self._cut = partial(cut, side=tile, stride=self._stride, halo=halo)
        with torch.no_grad():
            self._regions = self._encode(styles, regions or (None,)) if style else []
            self._content = self._content_terms(photo) if content else {}
        small = (photo.shape[2] // self._stride, photo.shape[3] // self._stride)
        self._light = None if light is None else F.adaptive_avg_pool2d(light.to(photo), small)

    def __call__(self, image: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Value and unweighted terms, `style`, `content`, `light` and `tv`, for an image (1, 3, H, W).

        A style or content term of weight 0 is not computed, nor are layers that only this term needs.
        """
        outside, tv, *rest = sum_over(self._cut(image.shape[2:]), self._look, image)
        terms = {"tv": tv}
        if self._content:
            terms["content"] = rest.pop(0)
        if self._light is not None:
            terms["light"] = rest.pop(0)
        if self._regions:
            terms["style"] = self._style_error(rest)
        total = _RANGE_WEIGHT * outside
        for name, value in terms.items():
            total = total + self._weights[name] * value
        return total, terms

    def _look(self, window: Tensor, tile: Tile) -> list[Tensor]:
        """Compute a tile's part of everything that is summed over positions."""
        features = self._features(window, tile, self._layers)
        parts = [tile.share(1) * losses.out_of_range(tile.core(window, 1)), _variation(window, tile)]
        if self._content:
            parts.append(self._perception.content_error(features, self._content[tile])[0])
        if self._light is not None:
            parts.append(self._light_error(window, tile, self._light))
        return parts + [
            self._statistic(layer, features[layer], tile, region.masks.get(layer))
            for region in self._regions
            for layer in self._style_layers
        ]

    def _light_error(self, window: Tensor, tile: Tile, light: Tensor) -> Tensor:
        """Compute the core's part of the mean squared error of `light`, over the variance of `light`."""
        seen = F.avg_pool2d(tile.core(window, 1), self._stride)
        difference = seen - tile.place(light, self._stride)
        spread = light.var(dim=(2, 3), correction=0).mean() + _FLAT_LIGHT
        return tile.share(self._stride) * difference.square().mean() / spread

    def _style_error(self, statistics: Sequence[Tensor]) -> Tensor:
        """Style error, a scalar, from the statistics of all layers, region after region."""
        count, error = len(self._style_layers), torch.zeros((), device=statistics[0].device)
        for number, region in enumerate(self._regions):
            own = statistics[number * count : (number + 1) * count]
            seen = dict(zip(self._style_layers, own, strict=True))
            error = error + region.share * self._perception.style_error_of(seen, region.terms)[0].float()
        return error

    def _features(self, window: Tensor, tile: Tile, layers: Collection[str]) -> Features:
        """Features of the tile's core, by layer."""
        features = self._perception.features(window, layers)
        return {layer: tile.core(f, self._strides[layer]) for layer, f in features.items()}

    def _statistic(self, layer: str, features: Tensor, tile: Tile, mask: Tensor | None) -> Tensor:
        """Compute the core's part of the style statistic; `mask` covers the whole picture, at this layer."""
        if self._summed:
            return self._moments(layer, features, tile, mask)
        return self._perception.comparison.statistic(features, mask)  # there is one tile

    def _moments(self, layer: str, features: Tensor, tile: Tile, mask: Tensor | None = None) -> Tensor:
        """Compute the core's part of a picture's second moments."""
        stride = self._strides[layer]
        if mask is None:
            return tile.share(stride) * losses.second_moments(features).to(self._sums)
        seen = tile.place(mask, stride)
        share = seen.sum() / mask.sum().clamp_min(1e-12)
        return share * losses.second_moments(features, seen).to(self._sums)

    def _style_terms(self, style: Style) -> list[StyleTerm]:
        image, masks = style.image[None], self._masks(style.alpha)

        def look(window: Tensor, tile: Tile) -> list[Tensor]:
            features = self._features(window, tile, self._style_layers)
            return [self._statistic(k, features[k], tile, masks.get(k)) for k in self._style_layers]

        sums = sum_over(self._cut(image.shape[2:]), look, image)
        statistics = dict(zip(self._style_layers, sums, strict=True))
        return self._perception.style_terms_of(statistics, style.weight)

    def _encode(self, styles: Iterable[Style], masks: Sequence[Tensor | None]) -> list[_Region]:
        shares = (1.0 if mask is None else mask.mean().item() for mask in masks)
        regions = [_Region(self._masks(mask), share) for mask, share in zip(masks, shares, strict=True)]
        for style in styles:
            regions[style.region].terms.extend(self._style_terms(style))
        return [region for region in regions if region.terms and region.share > 0]

    def _masks(self, mask: Tensor | None) -> Features:
        """Weight of each position at each style layer, from a picture's mask, (1, H, W)."""
        if mask is None:
            return {}
        height, width = mask.shape[1:]
        strides = {layer: self._strides[layer] for layer in self._style_layers}
        return {k: shrink(mask[None], (height // n, width // n)) for k, n in strides.items()}

    def _content_terms(self, photo: Tensor) -> dict[Tile, list[ContentTerm]]:
        """Content terms of each tile. The photo's features stay in memory, as encoding it again is slower."""
        layers = [name for name, _ in self._perception.content_layers]
        kept: dict[Tile, Features] = {}
        moments: Features = {}
        for tile in self._cut(photo.shape[2:]):
            features = self._features(tile.window(photo), tile, layers)
            kept[tile] = {layer: f.clone() for layer, f in features.items()}  # a view would keep the window
            for layer, f in features.items():
                part = self._moments(layer, f, tile)
                moments[layer] = moments[layer] + part if layer in moments else part
        factors = self._perception.content_factors(moments)
        return {
            tile: [ContentTerm(k, f, tile.share(self._strides[k]) * factors[k]) for k, f in features.items()]
            for tile, features in kept.items()
        }


@dataclass(frozen=True)
class _Region:
    """A region of the picture: weights of positions at each style layer, area, and style terms."""

    masks: Features
    share: float
    terms: list[StyleTerm] = field(default_factory=list)


def _perceive(backbone: Backbone, options: PaintOptions, dtype: torch.dtype) -> Perception:
    return Perception(
        backbone,
        options.content_layers,
        options.style_layers,
        style_loss=options.style_loss,
        normalize=options.normalize,
        dtype=dtype,
    )


def _variation(window: Tensor, tile: Tile) -> Tensor:
    """Compute the core's part of `losses.total_variation`: differences from the next row and column."""
    rows, columns = tile.rows.inside(1), tile.columns.inside(1)
    across = window[..., rows, columns.start : columns.stop + 1].diff(dim=3)
    down = window[..., rows.start : rows.stop + 1, columns].diff(dim=2)
    height, width = tile.rows.length, tile.columns.length
    wide, tall = window.shape[1] * height * (width - 1), window.shape[1] * (height - 1) * width
    return across.square().sum() / max(1, wide) + down.square().sum() / max(1, tall)

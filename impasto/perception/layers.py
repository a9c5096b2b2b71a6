"""Choose the layers at which pictures are compared, and resize masks to the size of a layer."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from impasto.backbones import Backbone
from impasto.errors import UsageError
from impasto.options import Layers

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

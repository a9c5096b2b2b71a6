"""Make a style card of any picture, without training, by the embedded adaptive network."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from impasto import backbones, losses
from impasto.backbones import Backbone
from impasto.imaging import io
from impasto.imaging.arrays import without_hidden
from impasto.imaging.geometry import fit_long_side, resize
from impasto.imaging.style import read_style
from impasto.networks.adaptive import Adaptive
from impasto.networks.adaptive_file import EMBEDDED, load_adaptive
from impasto.networks.card import ADAPTIVE, Card, digest
from impasto.options import Pooling
from impasto.perception import shrink

LONG_SIDE = 512  # pixels to which a style is resized, as in training


def encode(picture: io.Source, *, network: Path | None = None) -> Card:
    """Make the style card of any picture.

    Args:
        picture: a file, a Pillow image, an array or a tensor, as for `imaging.io.read`; transparent pixels do
            not count.
        network: a file written by `impasto adapt`; None uses the embedded network.

    Raises:
        ImageError: not a picture, or a picture without a style: too small, single-colored or transparent.
        WeightsError: a network that cannot be read.
    """
    image, info = read_style(picture)
    return card_of(image, info.alpha, name=Path(info.name).stem, network=network)


def card_of(
    image: Tensor, alpha: Tensor | None = None, *, name: str = "style", network: Path | None = None
) -> Card:
    """Make the style card of a tensor (3, H, W) in [0, 1] with opacity (1, H, W)."""
    size = fit_long_side((image.shape[1], image.shape[2]), LONG_SIDE)
    adaptive = _network(network or EMBEDDED)
    backbone = _backbone(adaptive.pooling)
    seen = image if alpha is None else without_hidden(image, alpha)
    features = backbone(resize(seen[None], size), backbone.layers)
    masks = {}
    if alpha is not None:
        opacity = resize(alpha[None], size)
        masks = {layer: shrink(opacity, f.shape[2:]) for layer, f in features.items()}
    moments = [losses.second_moments(f, masks.get(layer)) for layer, f in features.items()]
    with torch.no_grad():
        weights = adaptive(moments)[0]
    return Card(
        network="light",
        config=adaptive.config["light"],
        tensors=weights,
        style=name,
        base=adaptive.base or digest(adaptive.state_dict()),
        recipe=ADAPTIVE,
    )


def encode_file(path: Path) -> Card:
    """Make the style card of a file; the card is cached as long as the file does not change."""
    try:
        stat = path.stat()
    except OSError:
        return encode(path)  # raises the error that explains the problem
    return _encode_known(path.absolute(), stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=64)
def _encode_known(path: Path, modified: int, size: int) -> Card:
    return encode(path)


@lru_cache(maxsize=1)
def _backbone(pooling: Pooling) -> Backbone:
    return backbones.load("compact", pooling=pooling)


@lru_cache(maxsize=1)
def _network(path: Path) -> Adaptive:
    return load_adaptive(path)

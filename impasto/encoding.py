"""Any picture as a style, at once: the embedded adaptive network writes a style network for it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import torch

from impasto import backbones, losses
from impasto.backbones import Backbone
from impasto.errors import ImageError
from impasto.imaging import io
from impasto.imaging.geometry import fit_long_side, resize
from impasto.networks.adaptive import Adaptive
from impasto.networks.adaptive_file import EMBEDDED, load_adaptive
from impasto.networks.card import Card
from impasto.networks.primed import digest
from impasto.perception import shrink

LONG_SIDE = 512  # pixels that a style is seen at, as in training
LEAST_SIDE = 32  # pixels of a style
_LEAST_CONTRAST = 1 / 255  # standard deviation of the colours


def encode(picture: io.Source, *, network: Path | None = None) -> Card:
    """The style card of any picture.

    Args:
        picture: a file, a Pillow image, an array or a tensor, as `imaging.io.read` takes; what is transparent
            does not count.
        network: a file that `impasto adapt` wrote; the embedded one without.

    Raises:
        ImageError: no picture, or one that shows no style: too small, of one colour, or wholly transparent.
        WeightsError: a network that cannot be read.
    """
    image, info = io.read(picture)
    _check(image, info)
    size = fit_long_side(info.size, LONG_SIDE)
    seen = resize(image[None], size)
    backbone = _backbone()
    features = backbone(seen, backbone.layers)
    masks = {}
    if info.alpha is not None:
        alpha = resize(info.alpha[None], size)
        masks = {layer: shrink(alpha, f.shape[2:]) for layer, f in features.items()}
    moments = [losses.second_moments(f, masks.get(layer)) for layer, f in features.items()]
    adaptive = _network(network or EMBEDDED)
    with torch.no_grad():
        weights = adaptive(moments)[0]
    return Card(
        network="light",
        config=adaptive.config["light"],
        tensors=weights,
        style=Path(info.name).stem,
        base=adaptive.base or digest(adaptive.state_dict()),
    )


def encode_file(path: Path) -> Card:
    """The same for a file, which is encoded once as long as it does not change."""
    try:
        stat = path.stat()
    except OSError:
        return encode(path)  # which says what is wrong
    return _encode_known(path.absolute(), stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=64)
def _encode_known(path: Path, modified: int, size: int) -> Card:
    return encode(path)


def _check(image: torch.Tensor, info: io.ImageInfo) -> None:
    height, width = info.size
    if min(height, width) < LEAST_SIDE:
        raise ImageError(
            f"{info.name} has {width} x {height} pixels; a style needs at least {LEAST_SIDE} each way"
        )
    visible = image if info.alpha is None else image[:, info.alpha[0] > 0]
    if not visible.numel():
        raise ImageError(f"{info.name} is wholly transparent: there is no style to see in it")
    if float(visible.flatten(1).std(1).max()) < _LEAST_CONTRAST:
        raise ImageError(f"{info.name} is of one colour: there is no style to see in it")


@lru_cache(maxsize=1)
def _backbone() -> Backbone:
    return backbones.load("compact")


@lru_cache(maxsize=1)
def _network(path: Path) -> Adaptive:
    return load_adaptive(path)

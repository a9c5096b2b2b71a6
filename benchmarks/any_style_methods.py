"""The methods compared, behind one interface: a style picture's file gives a painter of photos."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from benchmarks.any_style_networks import LAYERS, Adain, Wct, load_decoder
from benchmarks.any_style_pictures import paintings
from impasto import backbones
from impasto.backbones import Backbone
from impasto.errors import ImpastoError
from impasto.imaging import io
from impasto.imaging.geometry import fit_long_side, resize
from impasto.stylizing import Stylizer

if TYPE_CHECKING:
    from benchmarks.any_style import AnyStyleSettings

Painter = Callable[[Tensor], Tensor]  # photos to pictures, (1, 3, H, W) in [0, 1]
Method = Callable[[Path], Painter]

METHODS = ("ours", "wct", "adain", "photo", "style")
ALPHAS = (0.4, 0.6, 1.0)  # of whitening and colouring: how much of it; published pictures take 0.6


def missing(name: str, settings: AnyStyleSettings) -> str | None:
    """Why a method cannot be run here."""
    try:
        for method in variants(name, settings).values():
            method(paintings(settings.reference, 1)[0])
    except ImpastoError as error:
        return str(error)
    return None


def variants(name: str, settings: AnyStyleSettings) -> dict[str, Method]:
    """By their labels. Raises WeightsError where a decoder is not trained yet."""
    if name == "ours":
        return {name: lambda style: Stylizer(style).picture}
    if name == "photo":
        return {name: lambda style: lambda photo: photo}
    if name == "style":
        return {name: partial(_style_itself, size=settings.size)}
    if name == "adain":
        adain = Adain(_backbone(), load_decoder(settings.weights, name))
        return {name: partial(_by, adain, size=settings.size)}
    decoders = {layer: load_decoder(settings.weights, layer) for layer in LAYERS}
    return {
        f"wct {alpha:g}": partial(_by, Wct(_backbone(), decoders, alpha), size=settings.size)
        for alpha in ALPHAS
    }


def read(path: Path, size: int) -> Tensor:
    """A picture with this long side, (1, 3, H, W)."""
    image, info = io.read(path)
    return resize(image[None], fit_long_side(info.size, size))


def _by(method: Adain | Wct, style: Path, size: int) -> Painter:
    encoded = method.encode(read(style, size))
    return lambda photo: method.paint(photo, encoded)  # type: ignore[arg-type]


def _style_itself(style: Path, size: int) -> Painter:
    picture = read(style, size)
    return lambda photo: resize(picture, (photo.shape[2], photo.shape[3]))


@cache
def _backbone() -> Backbone:
    return backbones.load("compact")

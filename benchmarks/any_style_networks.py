"""Two published ways to any style in one pass, on the compact backbone: what our own is compared with.

Both give a photo's features the statistics of the style's, and a decoder makes a picture of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from impasto import losses
from impasto.backbones import Backbone
from impasto.backbones.compact import LAYERS as ALL_LAYERS
from impasto.backbones.compact import WIDTHS
from impasto.networks.blocks import Convolution
from impasto.weights import load_tensors

LAYERS = ALL_LAYERS[:4]  # both end at relu4_1
DEEPEST = LAYERS[-1]

Statistics = tuple[
    Tensor, Tensor
]  # mean (1, C, 1, 1), and deviation (1, C, 1, 1) or covariance's root (C, C)

_VARIANCE = 1e-5  # added to a channel's, as published
_NOISE = 1e-6  # of the largest eigenvalue: smaller ones belong to directions in which nothing varies


class Decoder(nn.Sequential):
    """A layer's features, (N, C, h, w), back to pictures, (N, 3, H, W), about in [0, 1].

    The backbone's mirror image: nearest enlarging for each pooling, no norms, reflection at the borders.
    There is one convolution more at full size, as VGG has two there.
    """

    def __init__(self, layer: str) -> None:
        steps: list[nn.Module] = []
        for block in range(LAYERS.index(layer), -1, -1):
            outer = WIDTHS[max(0, block - 1)][-1]
            for inputs, outputs in pairwise((*reversed(WIDTHS[block]), outer)):
                steps += [Convolution(inputs, outputs), nn.ReLU(inplace=True)]
            if block:
                steps.append(nn.Upsample(scale_factor=2, mode="nearest"))
        last = Convolution(WIDTHS[0][-1], 3)  # begins with black
        super().__init__(*steps, last)
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module.bias is not None:
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)
        nn.init.normal_(last.conv2d.weight, std=1e-3)


class Adain:
    """Adaptive instance normalisation (Huang & Belongie 2017): mean and deviation of relu4_1's channels."""

    def __init__(self, backbone: Backbone, decoder: Decoder, alpha: float = 1.0) -> None:
        self.backbone, self.decoder, self.alpha = backbone, decoder, alpha

    def encode(self, style: Tensor) -> Statistics:
        """What is taken of a style, (1, 3, H, W)."""
        return spread(self.backbone(style, [DEEPEST])[DEEPEST])

    def paint(self, photo: Tensor, style: Statistics) -> Tensor:
        """A photo, (1, 3, H, W), in a style that was encoded; in [0, 1]."""
        features = self.backbone(padded(photo), [DEEPEST])[DEEPEST]
        mixed = torch.lerp(features, adain(features, style), self.alpha)
        return cut(self.decoder(mixed), photo)


class Wct:
    """Whitening and colouring (Li et al. 2017): mean and covariance of relu4_1, then relu3_1, 2_1 and 1_1.

    `layers` are those where it is done, deepest first.
    """

    def __init__(
        self,
        backbone: Backbone,
        decoders: Mapping[str, Decoder],
        alpha: float = 0.6,
        layers: tuple[str, ...] = LAYERS[::-1],
    ) -> None:
        self.backbone, self.decoders, self.alpha, self.layers = backbone, decoders, alpha, layers

    def encode(self, style: Tensor) -> dict[str, Statistics]:
        """What is taken of a style, (1, 3, H, W)."""
        features = self.backbone(style, self.layers)
        moments = {layer: losses.second_moments(f.double()) for layer, f in features.items()}
        return {
            layer: (_mean(m).float(), losses.covariance_root(m)[0].float()) for layer, m in moments.items()
        }

    def paint(self, photo: Tensor, style: Mapping[str, Statistics]) -> Tensor:
        """A photo, (1, 3, H, W), in a style that was encoded; in [0, 1]."""
        picture = padded(photo)
        for layer in self.layers:
            features = self.backbone(picture, [layer])[layer]
            mixed = torch.lerp(
                features, whiten_and_color(features, style[layer]).to(features.dtype), self.alpha
            )
            picture = self.decoders[layer](mixed).clamp(0, 1)
        return cut(picture, photo)


def adain(features: Tensor, style: Statistics) -> Tensor:
    """Each channel moved to the style's mean and deviation (eq. 8)."""
    (mean, deviation), (mean_s, deviation_s) = spread(features), style
    return (features - mean) * (deviation_s / deviation) + mean_s


def spread(features: Tensor) -> Statistics:
    """Mean and deviation of each channel."""
    variance, mean = torch.var_mean(features, (2, 3), correction=0, keepdim=True)
    return mean, (variance + _VARIANCE).sqrt()


def whiten_and_color(features: Tensor, style: Statistics) -> Tensor:
    """The symmetric map that gives features (1, C, h, w) the style's mean and covariance (eqs. 1 to 3)."""
    moments = losses.second_moments(features.double())
    mean = moments[:, :-1, -1:]
    values, vectors = torch.linalg.eigh((moments[:, :-1, :-1] - mean @ mean.transpose(1, 2))[0])
    seen = values > _NOISE * values[-1]
    whitening = vectors[:, seen] * values[seen].rsqrt() @ vectors[:, seen].T
    mean_s, root = style
    linear = root @ whitening.to(root)
    return F.conv2d(features - _mean(moments).to(features), linear[:, :, None, None]) + mean_s


def padded(photo: Tensor) -> Tensor:
    """With sides that pooling divides without rest."""
    step = 2 ** (len(LAYERS) - 1)
    height, width = photo.shape[2:]
    return F.pad(photo, (0, -width % step, 0, -height % step), mode="replicate")


def cut(picture: Tensor, photo: Tensor) -> Tensor:
    """As large as the photo again."""
    return picture[..., : photo.shape[2], : photo.shape[3]].float().clamp(0, 1)


def file_of(folder: Path, name: str) -> Path:
    """Where a trained decoder is kept: "adain", or the layer that it inverts."""
    return folder / f"{name}.safetensors"


def load_decoder(folder: Path, name: str) -> Decoder:
    """A trained decoder. Raises WeightsError where there is none."""
    decoder = Decoder(DEEPEST if name == "adain" else name)
    decoder.load_state_dict(load_tensors(file_of(folder, name)))
    return decoder.requires_grad_(False).eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _mean(moments: Tensor) -> Tensor:
    """(1, C, 1, 1)"""
    return moments[:, :-1, -1, None, None]

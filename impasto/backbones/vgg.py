"""VGG-16 and VGG-19 (Simonyan & Zisserman 2014, arXiv:1409.1556) as perceptual networks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from impasto.backbones.base import Backbone
from impasto.errors import UsageError, WeightsError
from impasto.options import Pooling
from impasto.weights import (
    ProgressCallback,
    PublishedWeights,
    cache_dir,
    fetch,
    is_cached,
    load_metadata,
    load_tensors,
    save_tensors,
)

Preprocessing = Literal["auto", "torchvision", "caffe"]

_TORCHVISION = {"licence": "BSD-3-Clause", "origin": "torchvision, trained on ImageNet"}
PUBLISHED = {
    "vgg19": PublishedWeights(
        name="VGG-19",
        url="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
        sha256="dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
        size=574_673_361,
        **_TORCHVISION,
    ),
    "vgg16": PublishedWeights(
        name="VGG-16",
        url="https://download.pytorch.org/models/vgg16-397923af.pth",
        sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        size=553_433_881,
        **_TORCHVISION,
    ),
}

_WIDTHS = (64, 128, 256, 512, 512)
_DEPTHS = {"vgg19": (2, 2, 4, 4, 4), "vgg16": (2, 2, 3, 3, 3)}
_KEY = re.compile(r"(?:(?:module|model|backbone|vgg)\.)*features\.(\d+)\.(weight|bias)")

# Mean and deviation of RGB in 0..1. Oxford's own weights expect 0..255 minus the mean, without scaling.
_NORMALISATION = {
    "torchvision": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "caffe": ((123.68 / 255, 116.779 / 255, 103.939 / 255), (1 / 255, 1 / 255, 1 / 255)),
}
# Both kinds of weights have one magnitude, so Oxford's are recognized by their values: these are the first
# three numbers of conv1_1 in the VGG-19 and in the VGG-16, with the input channels in the order BGR.
_OXFORD_CONV1_1 = ((0.341195, 0.339992, -0.0448442), (0.42947057, 0.373467, -0.061360113))


class VGG(Backbone):
    """Convolutions of a VGG, frozen, up to the last convolution in its file.

    Layers: conv1_1, relu1_1, conv1_2, relu1_2, pool1, conv2_1, ... A VGG has no teacher, so it has no maps.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        convolutions: Mapping[str, nn.Conv2d],
        *,
        normalisation: tuple[tuple[float, ...], tuple[float, ...]],
        pooling: Pooling,
        source: str,
    ) -> None:
        super().__init__(source, list(_layer_names(convolutions)), pooling)
        self.convolutions.update(convolutions)
        mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in normalisation)
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("deviation", deviation, persistent=False)
        self.requires_grad_(False).eval()

    def prepare(self, image: Tensor) -> Tensor:
        """Normalize an RGB image in 0..1, as the weights expect."""
        return (image - self.mean) / self.deviation


def load_vgg(
    name_or_path: str | Path,
    *,
    pooling: Pooling = "max",
    preprocessing: Preprocessing = "auto",
    on_progress: ProgressCallback | None = None,
) -> VGG:
    """Load a VGG by its name in PUBLISHED, downloaded once, or from a file with torchvision's keys.

    A file may end early, at any convolution. `preprocessing` is the input that the weights expect; "auto"
    takes `preprocessing` from the file's metadata, recognizes Oxford's Caffe weights, and otherwise assumes
    torchvision's. Raises UsageError for an invalid option and WeightsError for an unusable file.
    """
    if preprocessing not in ("auto", *_NORMALISATION):
        raise UsageError(f"there is no preprocessing {preprocessing}: choose among auto, torchvision, caffe")
    path = _published(str(name_or_path), on_progress) if name_or_path in PUBLISHED else Path(name_or_path)
    convolutions = _convolutions(load_tensors(path), path)
    expected = _preprocessing(path, convolutions["conv1_1"]) if preprocessing == "auto" else preprocessing
    if expected == "caffe":
        first = convolutions["conv1_1"]
        first.weight = nn.Parameter(first.weight.flip(1))  # BGR to RGB
    return VGG(
        convolutions, normalisation=_NORMALISATION[expected], pooling=pooling, source=str(name_or_path)
    )


def needed_download(name: str) -> PublishedWeights | None:
    """Published file that `load_vgg` would have to download first; None if nothing is missing."""
    weights = PUBLISHED.get(name)
    if weights is None or _kept(name) or is_cached(weights):
        return None
    return weights


def untrained_vgg(name: str, *, pooling: Pooling = "max") -> VGG:
    """Make a published VGG with random weights: its layers, memory and speed, without a download."""
    channels, convolutions = 3, {}
    for _, layer in _numbered(_DEPTHS[name]):
        width = _WIDTHS[int(layer[4]) - 1]
        convolutions[layer] = nn.Conv2d(channels, width, 3, padding=1)
        channels = width
    return VGG(convolutions, normalisation=_NORMALISATION["torchvision"], pooling=pooling, source=name)


def _kept(name: str) -> Path | None:
    """Path of a published file's convolutions in the cache; None if they are not there."""
    kept = cache_dir() / f"{name}-features.safetensors"
    with suppress(WeightsError):
        if load_metadata(kept).get("sha256") == PUBLISHED[name].sha256:
            return kept
    return None


def _published(name: str, on_progress: ProgressCallback | None) -> Path:
    """Get a published file, and cache its convolutions only; the other layers are six sevenths of it."""
    if kept := _kept(name):
        return kept
    weights, kept = PUBLISHED[name], cache_dir() / f"{name}-features.safetensors"
    whole = fetch(weights, on_progress=on_progress)
    tensors = {key: tensor for key, tensor in load_tensors(whole).items() if key.startswith("features.")}
    metadata = {"preprocessing": "torchvision", "sha256": weights.sha256, "licence": weights.licence}
    try:
        save_tensors(kept, tensors, metadata | {"origin": f"{weights.origin}, {weights.url}"})
    except WeightsError:  # painting works without a writable cache
        return whole
    if whole.parent == cache_dir():
        whole.unlink(missing_ok=True)
    return kept


def _convolutions(tensors: Mapping[str, Tensor], path: Path) -> dict[str, nn.Conv2d]:
    """Convolutions by name, in order, from torchvision's keys `features.N.weight` and `.bias`."""
    found = {
        (int(match[1]), match[2]): tensor for key, tensor in tensors.items() if (match := _KEY.fullmatch(key))
    }
    names = _names_by_index(sorted({index for index, _ in found}), path)
    convolutions = {}
    channels = 3
    for index, name in names.items():
        width = _WIDTHS[int(name[4]) - 1]
        convolutions[name] = _convolution(
            _shaped(found, (index, "weight"), (width, channels, 3, 3), path),
            _shaped(found, (index, "bias"), (width,), path),
        )
        channels = width
    return convolutions


def _names_by_index(indices: list[int], path: Path) -> dict[int, str]:
    """Names of the convolutions at these indices. Up to conv3_3, VGG-16 and VGG-19 are equal."""
    for depths in _DEPTHS.values():
        names = dict(list(_numbered(depths))[: len(indices)])
        if indices and list(names) == indices:
            return names
    raise WeightsError(
        f"{path} is no VGG-16 or VGG-19 with torchvision's names (features.0.weight, features.0.bias, "
        "features.2.weight, ...)"
    )


def _numbered(depths: Iterable[int]) -> Iterator[tuple[int, str]]:
    """Number the convolutions as torchvision does, with a ReLU after each and a pooling after each block."""
    index = 0
    for block, depth in enumerate(depths, 1):
        for place in range(1, depth + 1):
            yield index, f"conv{block}_{place}"
            index += 2
        index += 1


def _shaped(
    found: Mapping[tuple[int, str], Tensor], place: tuple[int, str], shape: tuple[int, ...], path: Path
) -> Tensor:
    key = f"features.{place[0]}.{place[1]}"
    if place not in found:
        raise WeightsError(f"{path} lacks {key}")
    if found[place].shape != shape:
        raise WeightsError(
            f"{key} in {path} has the shape {tuple(found[place].shape)}, in a VGG it is {shape}"
        )
    return found[place].float()


def _convolution(weight: Tensor, bias: Tensor) -> nn.Conv2d:
    layer = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1, device="meta")
    layer.weight, layer.bias = nn.Parameter(weight), nn.Parameter(bias)
    return layer


def _layer_names(convolutions: Iterable[str]) -> Iterator[str]:
    for name in convolutions:
        if name.endswith("_1") and name != "conv1_1":
            yield f"pool{int(name[4]) - 1}"
        yield name
        yield name.replace("conv", "relu")


def _preprocessing(path: Path, first: nn.Conv2d) -> str:
    if stated := load_metadata(path).get("preprocessing"):
        if stated not in _NORMALISATION:
            raise WeightsError(f"{path} asks for an unknown preprocessing, {stated}")
        return stated
    start = first.weight[0, 0, 0].detach()
    # the tolerance accepts files in half precision
    is_oxford = any(torch.allclose(start, torch.tensor(row), rtol=1e-2) for row in _OXFORD_CONV1_1)
    return "caffe" if is_oxford else "torchvision"

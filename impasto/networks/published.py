"""Read weights that others published for Johnson's network, as style cards."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from impasto.errors import WeightsError
from impasto.networks.card import Card, mismatch
from impasto.networks.transformer_net import TransformerNet
from impasto.weights import load_tensors, to_float32

Tensors = Mapping[str, Tensor]

_OLD_STATISTICS = re.compile(r"(.*\.)?in\d\.(running_mean|running_var|num_batches_tracked)")
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, for pixels in [0, 1]
_WHITE = 255.0
_TORCH7 = "a file of Lua's Torch, which nothing but Torch 7 reads safely: convert it there to tensors by name"


@dataclass(frozen=True)
class Family:
    """Family of checkpoints that share names of tensors and scale of pixels.

    Attributes:
        origin: source of the layout.
        mark: name of a tensor that no other family has.
        convert: converts tensors to the names and the scale of `TransformerNet`.
    """

    origin: str
    mark: str
    convert: Callable[[Tensors], Tensors]


def load_published(path: Path) -> Card:
    """Read a published checkpoint as a card, as `read_published` does."""
    return read_published(path)[0]


def read_published(path: Path) -> tuple[Card, Family]:
    """Read a checkpoint of one of FAMILIES, or of a program derived from these, as a card with its family.

    Names may start with `module.`, which DataParallel adds. Running statistics, which old versions of torch
    stored without using them, are dropped. The card's style is the file's name without its suffix. Only
    tensors are read from the file. Raises WeightsError, which names the file, if the weights are not those of
    a TransformerNet.
    """
    if path.suffix.lower() in (".t7", ".net"):
        raise WeightsError(f"{path} is {_TORCH7}")
    tensors = {
        name.removeprefix("module."): to_float32(path, name, tensor)
        for name, tensor in load_tensors(path).items()
        if not _OLD_STATISTICS.fullmatch(name)
    }
    family = next((one for one in FAMILIES if one.mark in tensors), FAMILIES[0])
    converted = family.convert(tensors)
    if reason := mismatch(converted, _expected()):
        raise WeightsError(f"{path} does not hold the TransformerNet of {family.origin}: {reason}")
    return Card(network=TransformerNet.name, config={}, tensors=dict(converted), style=path.stem), family


def _from_normalized(tensors: Tensors) -> Tensors:
    """Convert from pixels normalized by ImageNet's mean and deviation to pixels 0 to 255.

    Only the first and the last convolution change. The first one can ignore the mean, as the instance norm
    after it subtracts a constant.
    """
    found = {re.sub(r"^up(\d)\.", r"deconv\1.", name): tensor for name, tensor in tensors.items()}
    first, last, bias = "conv1.conv2d.weight", "deconv3.conv2d.weight", "deconv3.conv2d.bias"
    expected = _expected()
    if any(name not in found or found[name].shape != expected[name].shape for name in (first, last, bias)):
        return found  # of another network: the error says which tensors are missing
    mean, deviation = torch.tensor(_MEAN), torch.tensor(_DEVIATION)
    found[first] = found[first] / (_WHITE * deviation)[None, :, None, None]
    found[last] = found[last] * (_WHITE * deviation)[:, None, None, None]
    found[bias] = (found[bias] * deviation + mean) * _WHITE
    return found


FAMILIES = (
    Family("pytorch/examples fast_neural_style", "deconv3.conv2d.weight", lambda tensors: tensors),
    Family("gordicaleksa/pytorch-neural-style-johnson", "up3.conv2d.weight", _from_normalized),
)


def _expected() -> dict[str, Tensor]:
    with torch.device("meta"):
        return TransformerNet().state_dict()

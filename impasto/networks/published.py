"""Weights that others publish for Johnson's network, as style cards."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import Tensor

from impasto.errors import WeightsError
from impasto.networks.card import Card, mismatch
from impasto.networks.transformer_net import TransformerNet
from impasto.weights import load_tensors

_OLD_STATISTICS = re.compile(r"(.*\.)?in\d\.(running_mean|running_var|num_batches_tracked)")


def load_published(path: Path) -> Card:
    """A checkpoint of pytorch/examples fast_neural_style, or of any of its many descendants, as a card.

    Its names may start with `module.`, as DataParallel leaves them; running statistics, which old versions
    of torch kept without using them, are dropped. The card's style is the file's name without its suffix.
    Raises WeightsError, which names the file, where the weights are not those of a TransformerNet.
    """
    tensors = {
        name.removeprefix("module."): tensor.float()
        for name, tensor in load_tensors(path).items()
        if not _OLD_STATISTICS.fullmatch(name)
    }
    if reason := mismatch(tensors, _expected()):
        raise WeightsError(
            f"{path} does not hold the TransformerNet of pytorch/examples fast_neural_style: {reason}"
        )
    return Card(network=TransformerNet.name, config={}, tensors=tensors, style=path.stem)


def _expected() -> dict[str, Tensor]:
    with torch.device("meta"):
        return TransformerNet().state_dict()

"""Save and load trained `Adaptive` networks; one is embedded in the package."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from impasto.errors import WeightsError
from impasto.networks.adaptive import Adaptive
from impasto.networks.card import mismatch
from impasto.weights import load_floats, load_metadata, save_tensors

EMBEDDED = Path(__file__).with_name("adaptive.safetensors")
KIND, FORMAT = "adaptive network", "1"

_LARGEST_CONFIG = 10_000  # characters


def save_adaptive(network: Adaptive, path: Path, about: Mapping[str, Any]) -> None:
    """Write weights in float16, with their description in the metadata; the file is renamed into place.

    Raises WeightsError.
    """
    halves = {name: tensor.detach().cpu().half() for name, tensor in network.state_dict().items()}
    for name, tensor in halves.items():
        if not tensor.isfinite().all():
            raise WeightsError(f"{path} was not written: {name} is not finite in float16")
    metadata = {"impasto": KIND, "format": FORMAT, "config": json.dumps(network.config), "base": network.base}
    save_tensors(path, halves, metadata | {name: json.dumps(value) for name, value in about.items()})


def load_adaptive(path: Path = EMBEDDED) -> Adaptive:
    """Load a network, frozen. Raises WeightsError for a file of another kind, a newer or a damaged file."""
    metadata = load_metadata(path)
    if metadata.get("impasto") != KIND:
        raise WeightsError(f"{path} is no adaptive network: make one with impasto adapt")
    if metadata.get("format") != FORMAT:
        raise WeightsError(f"{path} is an adaptive network of another format: upgrade impasto")
    tensors = load_floats(path)
    try:
        text = metadata["config"]
        config = json.loads(text if len(text) < _LARGEST_CONFIG else "")
        with torch.device("meta"):  # allocates nothing, so that no file can request too much memory
            network = Adaptive(**config)
    except (KeyError, TypeError, ValueError, RuntimeError, RecursionError) as error:
        raise WeightsError(f"{path} is a damaged adaptive network: its config cannot be read") from error
    if reason := mismatch(tensors, network.state_dict()):
        raise WeightsError(f"{path} is a damaged adaptive network: {reason}")
    network.load_state_dict(tensors, assign=True)
    network.base = metadata.get("base", "")
    return network.requires_grad_(False).eval()

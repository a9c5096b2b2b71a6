"""Perceptual networks: `load` returns a backbone by its name or from a file."""

from __future__ import annotations

from pathlib import Path

from impasto.backbones.base import Backbone
from impasto.backbones.compact import load_compact
from impasto.backbones.compressed import Compressed
from impasto.backbones.vgg import PUBLISHED, load_vgg
from impasto.options import Pooling
from impasto.weights import ProgressCallback, load_metadata, load_tensors

__all__ = ["NAMES", "Backbone", "Pooling", "load"]

NAMES = ("compact", *PUBLISHED)


def load(
    name: str | Path, *, pooling: Pooling = "max", on_progress: ProgressCallback | None = None
) -> Backbone:
    """Load a perceptual network, frozen.

    Args:
        name: one of NAMES, or a weights file (.safetensors, .pth): a compact backbone, VGG-16 or VGG-19 with
            torchvision's names, whole or cut after any convolution, or the sixteenfold compressed VGG-19.
        pooling: "max" as trained; "average", which Gatys et al. found smoother; or "l2", see `base.l2_pool`.
        on_progress: called with the downloaded and the total bytes while a published file downloads.

    Raises:
        UsageError: an unknown pooling.
        WeightsError: a file that cannot be read or downloaded, or of an unknown network.
    """
    if name == "compact":
        return load_compact(pooling=pooling)
    if name in PUBLISHED:
        return load_vgg(name, pooling=pooling, on_progress=on_progress)
    path = Path(name)
    if load_metadata(path).get("impasto") == "compact":
        return load_compact(path, pooling=pooling)
    tensors = load_tensors(path)
    if "conv51_aux.weight" in tensors:
        return Compressed(tensors, source=str(path), pooling=pooling)
    return load_vgg(path, pooling=pooling)

"""Targets that read weights: style cards, networks, others' checkpoints, our own."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from impasto import backbones, networks
from impasto.networks.adaptive import Adaptive
from impasto.networks.adaptive_file import load_adaptive, save_adaptive
from impasto.networks.card import Card, load_card, load_summary, save_card
from impasto.networks.mixing import lineage
from impasto.networks.published import read_published
from impasto.styles.mixture import mix
from impasto.training.checkpoints import load_checkpoint, restoring, save_checkpoint
from impasto.training.distributed import ProcessGroup
from impasto.training.objective import Pool, alone
from impasto.training.optimization import Training
from impasto.training.options import LoopOptions
from tests.fuzz.target import Target, stored
from tests.training.shift import Shift

_SETTINGS: Mapping[str, Any] = {
    "network": "light",
    "size": 32,
    "seed": 0,
    "accumulate": 1,
    "style_layers": [["relu1_1", 1.0]],
}
_NARROW: Mapping[str, Mapping[str, Any]] = {
    "light": {"channels": [1, 1], "blocks": [0, 1, 0], "last_channels": 1},
    "transformer_net": {},
    "unet": {},
}


_COMPRESSED_DEPTHS, _COMPRESSED_WIDTHS = (2, 2, 4, 4, 1), (2, 2, 3, 3, 4)
_TEACHER_WIDTHS = (64, 128, 256, 512, 512)


def _file(write: Callable[[Path], object], name: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write(path)
        return path.read_bytes()


@cache
def _cards() -> tuple[bytes, ...]:
    torch.manual_seed(0)
    network = networks.build("light", **_NARROW["light"])
    card = Card(
        network="light",
        config=network.config,
        tensors=network.state_dict(),
        style="fuzzed",
        title="A title",
        base="0123456789abcdef",
        options={"steps": 3},
        scores={"style": 0.5},
    )
    return (_file(lambda path: save_card(card, path), "card.safetensors"),)


def _read_card(data: bytes, folder: Path) -> None:
    card = load_card(stored(data, folder, "card.safetensors"))
    painted = card.build()(torch.full((1, 3, 24, 20), 0.5))
    assert painted.shape == (1, 3, 24, 20)
    lineage(card)
    mix([(card, 1.0)], 0.5)


def _read_summary(data: bytes, folder: Path) -> None:
    card = load_summary(stored(data, folder, "card.safetensors"))
    assert isinstance(card.style, str)
    assert isinstance(card.scores, dict)


@cache
def _adaptive() -> tuple[bytes, ...]:
    torch.manual_seed(0)
    network = Adaptive(
        widths=[2, 2], hidden=[2, 2], directions=1, combinations=1, light=dict(_NARROW["light"])
    )
    return (_file(lambda path: save_adaptive(network, path, {"seed": 1}), "adaptive.safetensors"),)


def _read_adaptive(data: bytes, folder: Path) -> None:
    network = load_adaptive(stored(data, folder, "adaptive.safetensors"))
    assert network.light.config["channels"]


def _tensors() -> dict[str, Tensor]:
    """The first convolution of a VGG, which is one already, and a tensor of Johnson's network."""
    dice = torch.Generator().manual_seed(0)
    return {
        "features.0.weight": torch.randn(64, 3, 3, 3, generator=dice) / 8,
        "features.0.bias": torch.zeros(64),
        "deconv3.conv2d.bias": torch.zeros(3),
        "in1.running_mean": torch.zeros(2),
    }


@cache
def _pickles() -> tuple[bytes, ...]:
    files = []
    small = {name: tensor[:1] for name, tensor in _tensors().items()}
    other = {"up3.conv2d.weight": torch.ones(3, 32, 9, 9), "conv1.conv2d.weight": torch.ones(32, 3, 9, 9)}
    for saved in (
        _tensors(),
        other | {"up3.conv2d.bias": torch.ones(3)},
        {"state_dict": small, "epoch": 3},
        {f"module.{k}": t for k, t in small.items()},
    ):
        file = io.BytesIO()
        torch.save(saved, file)
        files.append(file.getvalue())
    old = io.BytesIO()
    torch.save(small, old, _use_new_zipfile_serialization=False)
    return (*files, old.getvalue())


def _read_published(data: bytes, folder: Path) -> None:
    read_published(stored(data, folder, "published.pth"))


def _read_backbone_pickle(data: bytes, folder: Path) -> None:
    _use(backbones.load(stored(data, folder, "backbone.pth")))


def _compressed() -> dict[str, Tensor]:
    """A narrow VGG-19 of the kind that was compressed sixteenfold."""
    shapes, inputs = {"conv0": (3, 3, 1)}, 3
    for block, (depth, width) in enumerate(zip(_COMPRESSED_DEPTHS, _COMPRESSED_WIDTHS, strict=True), 1):
        for place in range(1, depth + 1):
            shapes[f"conv{block}{place}"], inputs = (inputs, width, 3), width
        shapes[f"conv{block}1_aux"] = (width, _TEACHER_WIDTHS[block - 1], 1)
    tensors = {}
    for name, (before, after, side) in shapes.items():
        tensors[f"{name}.weight"] = torch.ones(after, before, side, side) / before
        tensors[f"{name}.bias"] = torch.zeros(after)
    return tensors


@cache
def _plain() -> tuple[bytes, ...]:
    return (save(_tensors(), {"preprocessing": "torchvision"}), save(_tensors()), save(_compressed()))


def _read_backbone(data: bytes, folder: Path) -> None:
    _use(backbones.load(stored(data, folder, "backbone.safetensors")))


def _use(backbone: backbones.Backbone) -> None:
    layer = backbone.layers[-1]
    assert backbone(torch.full((1, 3, 64, 48), 0.5), [layer])[layer].ndim == 4


class _Error:
    """Wants white pictures."""

    pools = False

    def __call__(
        self, batch: Tensor, painted: Tensor, pool: Pool = alone
    ) -> tuple[Tensor, dict[str, Tensor]]:
        error = (painted - 1).square().mean()
        return error, {"error": error}


def _training() -> Training[Tensor]:
    options = LoopOptions(steps=20, schedule="constant")
    return Training(Shift(), _Error(), options, torch.float32, ProcessGroup(torch.device("cpu")))


@cache
def _checkpoints() -> tuple[bytes, ...]:
    training = _training()
    for _ in range(2):
        training.advance([torch.full((1, 3, 4, 4), 0.5)])
    training.validate(torch.full((1, 3, 4, 4), 0.5))
    return (_file(lambda path: save_checkpoint(path, _SETTINGS, training.state()), "checkpoint.pt"),)


def _read_checkpoint(data: bytes, folder: Path) -> None:
    """As `--resume` does: into a training, which goes on."""
    training = _training()
    state = load_checkpoint(stored(data, folder, "checkpoint.pt"), _SETTINGS)
    with restoring():
        training.restore(state)


TARGETS = (
    Target("card", _cards, _read_card),
    Target("card summary", _cards, _read_summary),
    Target("adaptive network", _adaptive, _read_adaptive),
    Target("published checkpoint", _pickles, _read_published),
    Target("backbone", _plain, _read_backbone),
    Target("backbone as pickle", _pickles, _read_backbone_pickle),
    Target("checkpoint", _checkpoints, _read_checkpoint),
)

"""A training in seconds: a few small real photos, a narrow network, a backbone with random weights."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from skimage import data

from impasto import networks
from impasto.networks.card import Card
from impasto.training.options import TrainOptions
from tests.training.launcher import Launcher

SHOWN = ("astronaut", "chelsea", "coffee", "rocket")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four photos."""
    path = tmp_path_factory.mktemp("photos")
    for name in SHOWN:
        Image.fromarray(getattr(data, name)()).resize((72, 60)).save(path / f"{name}.jpg")
    return path


@pytest.fixture(scope="session")
def style_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("style") / "pink.png"
    Image.fromarray(data.immunohistochemistry()).resize((64, 64)).save(path)
    return path


@pytest.fixture(scope="session")
def narrow() -> Card:
    """A light network with few channels and random weights, as a card without a style."""
    with torch.random.fork_rng():
        torch.manual_seed(6)
        network = networks.build("light", channels=(8, 8), blocks=(0, 1, 0), last_channels=4)
    tensors = {name: tensor.half().float() for name, tensor in network.state_dict().items()}
    return Card(network="light", config=network.config, tensors=tensors)


@pytest.fixture(scope="session")
def options(compact_file: Path) -> Callable[..., TrainOptions]:
    """TrainOptions for a small and short training; keywords override."""

    def make(**given: Any) -> TrainOptions:
        small = {"steps": 4, "size": 32, "batch": 2, "workers": 0, "style_size": 48, "precision": "float32"}
        return TrainOptions(**{"backbone": str(compact_file), **small, **given})

    return make


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> Launcher:
    return Launcher(monkeypatch)

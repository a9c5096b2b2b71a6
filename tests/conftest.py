"""Small real pictures, and backbones and styles with seeded random weights: nothing here needs training."""

import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from skimage import data
from torch import Tensor
from typer import Typer
from typer.main import get_command

from impasto import networks
from impasto.backbones.compact import TEACHER_WIDTHS, WIDTH_OF, Compact, save_compact
from impasto.networks.card import Card, fingerprint, save_card

# torchvision's index of each convolution of VGG-19 up to conv3_1, its inputs and its outputs
VGG_START = {0: (3, 64), 2: (64, 64), 5: (64, 128), 7: (128, 128), 10: (128, 256)}
# the published names of the compressed VGG-19, with a few channels in each block instead of many
COMPRESSED_DEPTHS, COMPRESSED_WIDTHS = (2, 2, 4, 4, 1), (4, 6, 8, 10, 12)
SHOWN = ("astronaut", "chelsea", "coffee", "immunohistochemistry", "rocket")

Picture = Callable[[str, int], Tensor]


def pytest_configure() -> None:
    """Ctrl-C interrupts, even where a shell began the tests in the background and had it ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """On pictures as small as these, threads do nothing but wait for each other."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def made_once() -> Iterator[None]:
    """The tree of commands, which Typer makes for each call, and the pictures, which are decoded for each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("typer.testing._get_command", _tree_maker())
        for name in SHOWN:
            patch.setattr(data, name, getattr(data, name)().copy)
        yield


def _tree_maker() -> Callable[[Typer], Any]:
    """`get_command` that makes the tree of an app once, and hides again what --help-all has shown of it."""
    made: dict[Typer, tuple[Any, list[Any]]] = {}

    def tree(app: Typer) -> Any:
        if app not in made:
            root = get_command(app)
            parameters = [one for command in getattr(root, "commands", {}).values() for one in command.params]
            made[app] = root, [one for one in parameters if one.hidden]
        root, hidden = made[app]
        for parameter in hidden:
            parameter.hidden = True
        return root

    return tree


@pytest.fixture(autouse=True)
def same_dice() -> None:
    """Random weights and pictures are the same in every run, whatever ran before."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def picture() -> Picture:
    """A picture that scikit-image ships, by name and long side: (3, H, W) in [0, 1]."""

    def shrunk(name: str, long_side: int) -> Tensor:
        image = Image.fromarray(getattr(data, name)())
        image.thumbnail((long_side, long_side), Image.Resampling.LANCZOS)
        return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255

    return shrunk


@pytest.fixture(scope="session")
def compact_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A compact backbone as distillation leaves it, with random weights and maps."""
    path = tmp_path_factory.mktemp("compact") / "random.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = Compact()
        network.maps = {
            layer: torch.randn(width, WIDTH_OF[layer] + 1) / WIDTH_OF[layer] ** 0.5
            for layer, width in TEACHER_WIDTHS.items()
        }
    save_compact(network, path, {"seed": "1"})
    return path


@pytest.fixture(scope="session")
def vgg_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """VGG-19 cut at conv3_1 with random weights, in torchvision's layout."""
    dice = torch.Generator().manual_seed(2)
    tensors = {}
    for index, (inputs, outputs) in VGG_START.items():
        tensors |= convolution(f"features.{index}", inputs, outputs, 3, dice)
    path = tmp_path_factory.mktemp("vgg") / "start.safetensors"
    save_file(tensors, path)
    return path


@pytest.fixture(scope="session")
def compressed_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A narrow compressed VGG-19 with random weights, whose maps lead to VGG-19's channels."""
    dice = torch.Generator().manual_seed(3)
    tensors = convolution("conv0", 3, 3, 1, dice)
    inputs = 3
    for block, (depth, width) in enumerate(zip(COMPRESSED_DEPTHS, COMPRESSED_WIDTHS, strict=True), 1):
        for place in range(1, depth + 1):
            tensors |= convolution(f"conv{block}{place}", inputs, width, 3, dice)
            inputs = width
        tensors |= convolution(f"conv{block}1_aux", width, TEACHER_WIDTHS[f"relu{block}_1"], 1, dice)
    path = tmp_path_factory.mktemp("compressed") / "narrow.safetensors"
    save_file(tensors, path)
    return path


@pytest.fixture(scope="session")
def cards_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A family of tiny styles, each as a file; their pictures are neither flat nor wild.

    primed, night and wave, which are trained from it, and a stranger.
    """
    folder = tmp_path_factory.mktemp("cards")
    with torch.random.fork_rng():
        torch.manual_seed(6)
        network = networks.build("light", channels=(8, 8), blocks=(0, 1, 0), last_channels=8)
        primed = Card("light", network.config, network.state_dict())
        save_card(primed, folder / "primed.safetensors")
        for name, base in (("night", fingerprint(primed)), ("wave", fingerprint(primed)), ("stranger", "")):
            tensors = {n: t + 0.1 * torch.randn_like(t) for n, t in primed.tensors.items()}
            card = replace(
                primed, tensors=tensors, style=name, base=base, licence="CC0", origin=f"https://{name}.org"
            )
            save_card(card, folder / f"{name}.safetensors")
    return folder


def convolution(name: str, inputs: int, outputs: int, side: int, dice: torch.Generator) -> dict[str, Tensor]:
    """Weight and bias that keep the size of activations."""
    spread = (2 / (inputs * side**2)) ** 0.5
    weight = torch.randn(outputs, inputs, side, side, generator=dice) * spread
    return {f"{name}.weight": weight, f"{name}.bias": torch.randn(outputs, generator=dice) / 10}

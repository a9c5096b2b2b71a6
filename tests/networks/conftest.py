"""Johnson's network as it is published, written in plain torch, and a small style card."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from impasto import networks
from impasto.networks.card import Card


class Padded(nn.Module):
    """A convolution behind a reflection, under the published name."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.pad = nn.ReflectionPad2d(kernel // 2)
        self.conv2d = nn.Conv2d(inputs, outputs, kernel, stride)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2d(self.pad(x))


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = Padded(128, 128, 3, 1), Padded(128, 128, 3, 1)
        self.in1, self.in2 = nn.InstanceNorm2d(128, affine=True), nn.InstanceNorm2d(128, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.in2(self.conv2(self.in1(self.conv1(x)).relu()))


PUBLISHED_LAYERS = {
    "conv1": (3, 32, 9, 1),
    "conv2": (32, 64, 3, 2),
    "conv3": (64, 128, 3, 2),
    "deconv1": (128, 64, 3, 1),
    "deconv2": (64, 32, 3, 1),
    "deconv3": (32, 3, 9, 1),
}


class Published(nn.Module):
    """(N, 3, H, W) of 0 to 255 to the same; sides are multiples of 4."""

    def __init__(self) -> None:
        super().__init__()
        for name, shape in PUBLISHED_LAYERS.items():
            self.add_module(name, Padded(*shape))
        for index, channels in enumerate((32, 64, 128, 64, 32), 1):
            self.add_module(f"in{index}", nn.InstanceNorm2d(channels, affine=True))
            self.add_module(f"res{index}", Block())

    def forward(self, x: Tensor) -> Tensor:
        for index in (1, 2, 3):
            x = self._modules[f"in{index}"](self._modules[f"conv{index}"](x)).relu()
        for index in range(1, 6):
            x = self._modules[f"res{index}"](x)
        for index in (1, 2):
            x = F.interpolate(x, scale_factor=2, mode="nearest")
            x = self._modules[f"in{index + 3}"](self._modules[f"deconv{index}"](x)).relu()
        return self._modules["deconv3"](x)


@pytest.fixture(scope="session")
def published() -> Published:
    """With random weights whose pictures are about gray."""
    with torch.random.fork_rng():
        torch.manual_seed(4)
        network = Published()
        for name, parameter in network.named_parameters():
            if ".in" in name or name.startswith("in"):
                nn.init.normal_(parameter, mean=float(name.endswith("weight")), std=0.3)
        nn.init.normal_(network.deconv3.conv2d.weight, std=1.0)
        nn.init.constant_(network.deconv3.conv2d.bias, 127.0)
    return network.requires_grad_(False).eval()


@pytest.fixture
def card() -> Card:
    """Of a network with some four thousand random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(5)
        network = networks.build("light", channels=(8, 8), blocks=(0, 1, 0), last_channels=4)
    return Card(
        network="light",
        config=network.config,
        tensors={name: tensor.half().float() for name, tensor in network.state_dict().items()},
        style="wave",
        title="Under the Wave off Kanagawa — 神奈川沖浪裏",
        artist="Hokusai",
        year="1831",
        licence="public domain",
        origin="https://example.org/wave",
        training_data="none",
        base="0123",
        recipe="light",
        options={"steps": 100, "strength": 0.5, "image": "wave.jpg"},
        scores={"style": 0.04, "content": 1.3},
    )


@pytest.fixture
def card_file(tmp_path: Path) -> Path:
    return tmp_path / "cards" / "wave.safetensors"

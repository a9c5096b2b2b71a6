"""Tiny styles of one family, photos, and exports that are made once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from skimage import data
from torch import Tensor, nn

from impasto.networks import onnx
from impasto.networks.card import Card, digest, load_card

Family = dict[str, Card]


@pytest.fixture
def family(cards_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Family:
    """The cards by name; the primed weights are those that are embedded."""
    monkeypatch.setattr("impasto.networks.card._FILE", cards_folder / "primed.safetensors")
    return {path.stem: load_card(path) for path in cards_folder.iterdir()}


@pytest.fixture(scope="session")
def written() -> Callable[..., bytes]:
    """`onnx.write`, which makes the same model once only: that takes seconds."""
    made: dict[str, bytes] = {}
    write = onnx.write

    def remember(module: nn.Module, *rest: object) -> bytes:
        shares = getattr(module, "shares", ()), getattr(module, "photo", ())
        key = f"{digest(module.state_dict())} {next(module.parameters()).dtype} {shares}"
        if key not in made:
            made[key] = write(module, *rest)  # type: ignore[arg-type]
        return made[key]

    return remember


@pytest.fixture(autouse=True)
def once(written: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx, "write", written)


@pytest.fixture(scope="session")
def photos_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three photos and a text that is none, one of them in a folder below."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "more").mkdir()
    (folder / "notes.txt").write_text("no picture")
    for name in ("astronaut", "coffee", "more/chelsea"):
        Image.fromarray(getattr(data, Path(name).name)()).resize((160, 120)).save(folder / f"{name}.png")
    return folder


@pytest.fixture(scope="session")
def batch() -> Tensor:
    """Two photos of an odd size, (2, 3, 45, 61) in [0, 1]."""
    photos = [Image.fromarray(picture()).resize((61, 45)) for picture in (data.astronaut, data.coffee)]
    pixels = [torch.frombuffer(bytearray(p.tobytes()), dtype=torch.uint8).view(45, 61, 3) for p in photos]
    return torch.stack(pixels).permute(0, 3, 1, 2).float() / 255

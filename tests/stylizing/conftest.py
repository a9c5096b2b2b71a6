"""A family of tiny styles: primed weights, two styles trained from them, and a stranger."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from impasto.networks.card import Card, load_card

Family = dict[str, Card]
Draw = Callable[..., Path]


@pytest.fixture(autouse=True)
def plain_torch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """For "auto", too: other runtimes, which test_runtime is about, take half a second each to get ready."""
    if request.node.path.stem != "test_runtime":
        monkeypatch.setattr("impasto.stylizing.runners._fastest_first", lambda device, dtype: ())


@pytest.fixture
def family(cards_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Family:
    """The cards by name. The primed weights are embedded, night and wave ship."""
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    for name in ("night", "wave"):
        (shipped / f"{name}.safetensors").write_bytes((cards_folder / f"{name}.safetensors").read_bytes())
    monkeypatch.setattr("impasto.styles._CARDS", shipped)
    monkeypatch.setattr("impasto.networks.card._FILE", cards_folder / "primed.safetensors")
    return {path.stem: load_card(path) for path in cards_folder.iterdir()}


@pytest.fixture
def draw(tmp_path: Path) -> Draw:
    """Save a small photo as a file in the folder "photos"; its suffix says how."""

    def save(name: str, size: tuple[int, int] = (40, 30), mode: str = "RGB", **options: object) -> Path:
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(data.coffee()).resize(size).convert(mode)
        if mode == "RGBA":
            ramp = np.linspace(0, 255, size[0]).astype(np.uint8)
            image.putalpha(Image.fromarray(np.tile(ramp, (size[1], 1))))
        image.save(path, **options)
        return path

    return save

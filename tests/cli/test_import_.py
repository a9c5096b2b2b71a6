"""`impasto import`: a published checkpoint becomes a card that stylizes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from impasto.networks.card import load_card
from impasto.networks.transformer_net import TransformerNet


@pytest.fixture
def checkpoint(workshop: Path) -> Path:
    """Of pytorch/examples, in a folder of its own."""
    with torch.random.fork_rng():
        torch.manual_seed(9)
        path = workshop / "mosaic.pth"
        torch.save(TransformerNet().state_dict(), path)
    return path


def test_a_card_with_all_that_is_told(impasto, checkpoint):
    told = ("--style", "tiles", "--title", "Mosaic", "--license", "BSD-3-Clause", "--origin", "https://x.org")
    result = impasto("import", checkpoint, "-o", "tiles.safetensors", *told)
    assert result.exit_code == 0
    assert "transformer_net, 1.68 M numbers, as in pytorch/examples fast_neural_style" in result.stderr
    assert "licence" not in result.stderr
    card = load_card("tiles.safetensors")
    assert (card.style, card.title, card.licence, card.origin) == ("tiles", *told[3::2])
    assert impasto("stylize", "photo.jpg", "-o", "out.png", "--style", "tiles.safetensors").exit_code == 0
    with Image.open("out.png") as picture:
        assert picture.size == (96, 64)


def test_without_a_licence_a_note(impasto, checkpoint):
    result = impasto("import", checkpoint, "-o", "mosaic.safetensors")
    assert "the license of the weights is unknown" in result.stderr
    assert load_card("mosaic.safetensors").style == "mosaic"
    assert impasto("import", checkpoint, "-o", "quiet.safetensors", "--quiet").stderr == ""


def test_what_cannot_be_imported(impasto, checkpoint, workshop):
    torch.save({"features.0.weight": torch.zeros(3)}, workshop / "vgg.pth")
    (workshop / "there.safetensors").write_text("mine")
    for source, out, words, code in (
        ("vgg.pth", "a.safetensors", "vgg.pth does not hold the TransformerNet of pytorch/examples", 1),
        ("nowhere.pth", "a.safetensors", "there is no weights file nowhere.pth", 1),
        (checkpoint, "a.onnx", "a.onnx must end in .safetensors", 2),
        (checkpoint, "there.safetensors", "there.safetensors exists", 2),
    ):
        result = impasto("import", source, "-o", out)
        assert (result.exit_code, words in result.stderr) == (code, True), result.stderr
    assert (workshop / "there.safetensors").read_text() == "mine"
    assert not (workshop / "a.safetensors").exists()


def test_code_in_a_checkpoint_is_not_run(impasto, workshop):
    class Trap:
        def __reduce__(self):
            return Path.touch, (Path("touched"),)

    torch.save({"conv1.conv2d.weight": Trap()}, workshop / "trap.pth")
    result = impasto("import", "trap.pth", "-o", "a.safetensors")
    assert result.exit_code == 1 and "could run code" in result.stderr
    assert not Path("touched").exists()

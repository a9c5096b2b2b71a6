"""`impasto export`: flags, what is told, and errors in words. TorchScript, which is made in a second."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from impasto import networks
from impasto.export import job
from impasto.export.quality import Quality
from impasto.networks.card import Card, save_card


@pytest.fixture
def card(workshop: Path) -> Path:
    """Of a tiny network."""
    with torch.random.fork_rng():
        torch.manual_seed(6)
        network = networks.build("light", channels=(8, 8), blocks=(0, 1, 0), last_channels=8)
    save_card(
        Card("light", network.config, network.state_dict(), style="night"), workshop / "night.safetensors"
    )
    return workshop / "night.safetensors"


def test_one_file_and_what_it_is(impasto, card):
    result = impasto("export", card, "--to", "torchscript", "-o", "night.pt", "--strength", 0.5)
    assert result.exit_code == 0, result.stderr
    assert (
        f"night.pt: {Path('night.pt').stat().st_size / 1e6:.2f} MB, float32, batch, height" in result.stderr
    )
    assert "from PyTorch on odd sizes" in result.stderr
    assert "strength blends picture and photo" in result.stderr  # it began at random
    quiet = impasto("export", card, "--to", "torchscript", "-o", "again.pt", "--quiet")
    assert (quiet.exit_code, quiet.stderr) == (0, "")


def test_the_cost_is_told(impasto, card, monkeypatch):
    quality = Quality(3, 41.26, 38.0, (0.0312, 0.0329), (1.05, 1.06), of_work=True)
    model = job.Model(b"", None, quality, 2.13)
    monkeypatch.setattr(job.onnx_file, "make", lambda *arguments: model)
    monkeypatch.setattr(job.onnx, "describe", lambda *arguments: b"bytes")
    result = impasto("export", card, "-o", "small.onnx", "--precision", "int8", "--photos", ".")
    assert "small.onnx: 0.00 MB, int8, opset 18, batch, height and width free" in result.stderr
    assert (
        "quality of int8 on 3 photos: 41.3 dB from float32, 38.0 dB at worst; style error 0.0312 to 0.0329; "
        "content error 1.0500 to 1.0600; 2.1 times as fast here"
    ) in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        (("--to", "tflite", "-o", "a.onnx"), "to must be one of onnx, torchscript, web, not tflite", 2),
        (("-o", "a.pt"), "a.pt must end in .onnx, or --to must name another target", 2),
        (("--precision", "int8", "-o", "a.onnx"), "int8 needs --photos for calibration", 2),
        (("-o", "nowhere/a.onnx"), "there is no folder", 1),
        (("--to", "web", "-o", "wave.jpg"), "wave.jpg is a file: a page goes into a folder", 2),
        (
            ("--precision", "int8", "--photos", "nowhere", "-o", "a.onnx"),
            "nowhere does not exist; check its name",
            2,
        ),
    ],
)
def test_what_cannot_be(impasto, card, arguments, words, code):
    before = sorted(Path().iterdir())
    result = impasto("export", card, *arguments)
    assert (result.exit_code, words in result.stderr) == (code, True), result.stderr
    assert sorted(Path().iterdir()) == before


def test_no_such_style(impasto, workshop):
    result = impasto("export", "stary-night", "-o", "a.onnx")
    assert result.exit_code == 2 and "did you mean starry-night?" in result.stderr
    (workshop / "vgg.safetensors").write_bytes(b"")
    result = impasto("export", "vgg.safetensors", "-o", "a.onnx")
    assert result.exit_code == 1 and "vgg.safetensors" in result.stderr


def test_overwriting_is_asked_for(impasto, card):
    command = ("export", card, "--to", "torchscript", "-o", "night.pt")
    Path("night.pt").write_text("mine")
    result = impasto(*command)
    assert result.exit_code == 2 and "night.pt exists: name another file" in result.stderr
    assert Path("night.pt").read_text() == "mine"
    assert impasto(*command, "--overwrite").exit_code == 0
    extra = {"impasto.json": ""}
    with pytest.warns(DeprecationWarning, match="torch.jit.load"):
        torch.jit.load("night.pt", _extra_files=extra)
    assert json.loads(extra["impasto.json"])["style"] == "night"

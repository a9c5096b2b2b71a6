"""examples/onnx_without_torch.py: an exported style needs neither PyTorch nor impasto."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from skimage import data
from torch import Tensor

from impasto.export import export
from impasto.stylizing import Stylizer
from tests.export.conftest import Family

EXAMPLE = Path(__file__).parents[2] / "examples" / "onnx_without_torch.py"
BLOCKED = (
    "import runpy, sys; sys.modules.update(torch=None, impasto=None, safetensors=None); sys.argv.pop(0); "
)


def pixels(path: Path) -> Tensor:
    with Image.open(path) as image:
        return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255


def test_it_runs_where_torch_cannot_be_imported(family: Family, tmp_path: Path) -> None:
    model, photo, picture = (tmp_path / name for name in ("night.onnx", "photo.png", "picture.png"))
    Image.fromarray(data.astronaut()).resize((77, 51)).save(photo)
    export(family["night"], model)
    code = BLOCKED + "runpy.run_path(sys.argv[0], run_name='__main__')"
    command = [sys.executable, "-c", code, EXAMPLE, model, photo, picture]
    subprocess.run([str(word) for word in command], check=True, timeout=120)
    expected = Stylizer(family["night"], device="cpu", precision="float32", runtime="torch").picture(
        pixels(photo)
    )
    assert (pixels(picture) - expected).abs().max() < 0.6 / 255


def test_it_is_short() -> None:
    lines = [
        line for line in EXAMPLE.read_text().splitlines() if line and not line.startswith(("import", "from"))
    ]
    assert len(lines) <= 10

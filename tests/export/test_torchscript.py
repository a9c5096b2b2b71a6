"""TorchScript files: any size, without impasto."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from impasto.errors import ExportError
from impasto.export import ExportOptions, export
from impasto.stylizing import Stylizer
from tests.export.conftest import Family

WITHOUT_IMPASTO = """
import sys, torch, warnings
warnings.simplefilter("ignore")
sys.modules["impasto"] = None
extra = {"impasto.json": ""}
module = torch.jit.load(sys.argv[1], _extra_files=extra)
torch.save(([module(image) for image in torch.load(sys.argv[2])], extra), sys.argv[3])
"""
SIZES = [(37, 53), (64, 64), (5, 9), (240, 321)]
TORCHSCRIPT = ExportOptions(to="torchscript", strength=0.7)


def test_it_runs_without_impasto_at_any_size(family: Family, tmp_path: Path, batch: Tensor) -> None:
    images = [torch.nn.functional.interpolate(batch, size) for size in SIZES]
    styles = [family["night"], family["stranger"]]
    report = export(styles, tmp_path / "night.pt", TORCHSCRIPT)
    assert report.difference is not None and report.difference < 1e-4 and report.opset is None
    torch.save(images, tmp_path / "images")
    names = [str(tmp_path / name) for name in ("night.pt", "images", "pictures")]
    subprocess.run([sys.executable, "-c", WITHOUT_IMPASTO, *names], check=True, timeout=120)
    pictures, extra = torch.load(tmp_path / "pictures")
    stylizer = Stylizer(styles, 0.7, device="cpu", precision="float32", runtime="torch")
    for image, picture in zip(images, pictures, strict=True):
        assert (picture - stylizer.picture(image)).abs().max() < 1e-4
    assert b'"style": "night:0.5 stranger:0.5"' in extra["impasto.json"]


def test_one_that_paints_otherwise_is_refused(
    family: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("impasto.export.torchscript.load", lambda data: lambda image: image)
    with pytest.raises(ExportError, match="the TorchScript file differs from PyTorch"):
        export(family["night"], tmp_path / "night.pt", TORCHSCRIPT)
    assert list(tmp_path.iterdir()) == []

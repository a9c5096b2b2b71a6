"""ONNX files: what they compute at any size, what they tell, and when there is none."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor

from impasto.errors import ExportError, ImageError, MissingExtraError, UsageError
from impasto.export import ExportOptions, export, onnx_file
from impasto.export.graph import Graph
from impasto.export.quality import LIMITS
from impasto.networks import onnx as door
from impasto.stylizing import Stylizer
from tests.export.conftest import Family


def paint(path: Path, image: Tensor) -> Tensor:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (painted,) = session.run(["picture"], {"image": image.numpy()})
    return torch.from_numpy(painted)


def stylized(card: object, image: Tensor, strength: float = 1.0) -> Tensor:
    stylizer = Stylizer(card, strength, device="cpu", precision="float32", runtime="torch")  # type: ignore[arg-type]
    return stylizer.picture(image)


@pytest.mark.parametrize("size", [(37, 53), (96, 96), (7, 120), (1, 1)])
def test_any_size_and_batch(family: Family, tmp_path: Path, batch: Tensor, size: tuple[int, int]) -> None:
    out = tmp_path / "night.onnx"
    report = export(family["night"], out)
    assert report.difference is not None and report.difference < 1e-4
    for images in (batch, batch[:1], batch.repeat(2, 1, 1, 1)):
        image = torch.nn.functional.interpolate(images, size)
        assert (paint(out, image) - stylized(family["night"], image)).abs().max() < 1e-4


def test_what_it_tells_of_itself(family: Family, tmp_path: Path) -> None:
    out = tmp_path / "night.onnx"
    report = export(family["night"], out)
    model = onnx.load(out, load_external_data=False)
    onnx.checker.check_model(model, full_check=True)
    assert not any(tensor.external_data for tensor in model.graph.initializer)
    (domain,) = model.opset_import
    assert domain.version == report.opset == door.OPSET
    told = {entry.key: entry.value for entry in model.metadata_props}
    assert (told["style"], told["licence"], told["origin"]) == ("night", "CC0", "https://night.org")
    assert (told["precision"], told["strength"], model.producer_name) == ("float32", "1", "impasto")
    (given,) = model.graph.input
    dimensions = given.type.tensor_type.shape.dim
    assert [d.dim_param or d.dim_value for d in dimensions] == ["batch", 3, "height", "width"]
    assert report.size == out.stat().st_size


def test_it_tells_nothing_of_this_machine(family: Family, tmp_path: Path) -> None:
    export(family["night"], tmp_path / "night.onnx")
    data = (tmp_path / "night.onnx").read_bytes()
    for secret in (b".py", str(Path.home()).encode() + b"/", b"site-packages", b"stack_trace"):
        assert secret not in data


def test_mixtures_and_strength(family: Family, tmp_path: Path, batch: Tensor) -> None:
    """Two networks and the photo itself in one file; what interpolates is one network before it gets here."""
    styles = [(family["night"], 0.6), (family["stranger"], 0.4)]
    out = tmp_path / "mixed.onnx"
    report = export(styles, out, ExportOptions(strength=0.5))
    assert (paint(out, batch) - stylized(styles, batch, 0.5)).abs().max() < 1e-4
    told = {entry.key: entry.value for entry in onnx.load(out).metadata_props}
    assert (told["style"], told["strength"]) == ("night:0.6 stranger:0.4", "0.5")
    assert told["origin"] == "https://night.org; https://stranger.org"
    assert any("their pictures are blended" in note for note in report.notes)


def test_one_that_paints_otherwise_is_refused(
    family: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: Callable[..., bytes]
) -> None:
    wrong = Graph([(family["night"].build(), 1.0)])
    monkeypatch.setattr(door, "write", lambda module, *rest: written(wrong, *rest))
    with pytest.raises(ExportError, match=r"differs from PyTorch: .* nothing was written"):
        export(family["wave"], tmp_path / "wave.onnx")
    assert list(tmp_path.iterdir()) == []


def test_float16(family: Family, tmp_path: Path, batch: Tensor) -> None:
    whole, half = tmp_path / "whole.onnx", tmp_path / "half.onnx"
    export(family["night"], whole)
    report = export(family["night"], half, ExportOptions(precision="float16"))
    assert report.quality is not None and report.quality.psnr > 50 and report.quality.photos == 1
    assert report.difference is None and not report.quality.of_work
    kinds = {tensor.data_type for tensor in onnx.load(half).graph.initializer if len(tensor.dims) == 4}
    assert kinds == {onnx.TensorProto.FLOAT16}
    assert 0 < (paint(half, batch) - paint(whole, batch)).abs().max() < 0.02


def test_int8(family: Family, tmp_path: Path, batch: Tensor, photos_folder: Path) -> None:
    whole, small = tmp_path / "whole.onnx", tmp_path / "small.onnx"
    export(family["night"], whole)
    report = export(family["night"], small, ExportOptions(precision="int8", photos=(photos_folder,)))
    quality = report.quality
    assert quality is not None and quality.photos == 3
    assert LIMITS["int8"] < quality.worst <= quality.psnr < 60
    assert quality.content[0] != quality.content[1]
    assert report.speed is not None and report.speed > 0
    graph = onnx.load(small).graph
    eighths = [t for t in graph.initializer if t.data_type == onnx.TensorProto.INT8 and len(t.dims) == 4]
    assert len(eighths) >= 4
    scales = {t.name: t.dims for t in graph.initializer}
    assert any(dims == [8] for name, dims in scales.items() if name.endswith("weight_scale"))  # per channel
    difference = (paint(small, batch) - paint(whole, batch)).abs()
    assert 0 < difference.mean() < 0.03


def test_int8_that_costs_too_much_is_refused(
    family: Family, tmp_path: Path, photos_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LIMITS, "int8", 70.0)
    with pytest.raises(
        ExportError, match=r"in int8 the pictures are \d\d\.\d dB .* at least 70 dB is needed"
    ):
        export(
            family["night"], tmp_path / "small.onnx", ExportOptions(precision="int8", photos=(photos_folder,))
        )
    assert list(tmp_path.iterdir()) == []


def test_ends_stay_in_float(family: Family, tmp_path: Path) -> None:
    export(family["night"], tmp_path / "night.onnx")
    graph = onnx.load(tmp_path / "night.onnx").graph
    convolutions = [node.name for node in graph.node if node.op_type == "Conv"]
    assert len(convolutions) == 8
    assert list(door._ends(graph)) == [convolutions[0], *convolutions[-2:]]  # the last one blurs


@pytest.mark.parametrize("library", ["onnxruntime", "onnx", "onnxscript"])
def test_a_missing_library(
    family: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(
        MissingExtraError, match=r"Exporting .* needs ONNX.*: pip install 'impasto\[export\]'"
    ):
        export(family["night"], tmp_path / "night.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"to": "tflite"}, "to must be one of onnx, torchscript, web, not tflite"),
        ({"precision": "int4"}, "precision must be one of float32, float16, int8"),
        ({"precision": "int8"}, "int8 needs photos= for calibration: name a folder"),
        ({"strength": 1.5}, "strength must be from 0 to 1"),
        ({"to": "torchscript", "precision": "float16"}, "TorchScript is exported in float32"),
        ({"runtime_dir": Path()}, "runtime_dir= works only with to=web"),
    ],
)
def test_what_cannot_be_asked_for(options: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        ExportOptions(**options)  # type: ignore[arg-type]


def test_outputs_that_cannot_be(family: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_file, "make", lambda *a: pytest.fail("no work before the output is checked"))
    card, there = family["night"], tmp_path / "there.onnx"
    there.write_text("mine")
    with pytest.raises(UsageError, match=r"there\.onnx exists: .* overwrite=True"):
        export(card, there)
    assert there.read_text() == "mine"
    with pytest.raises(UsageError, match=r"night\.pt must end in \.onnx"):
        export(card, tmp_path / "night.pt")
    with pytest.raises(ImageError, match=r"there is no folder .*nowhere"):
        export(card, tmp_path / "nowhere" / "night.onnx")
    with pytest.raises(UsageError, match="strength must be above 0: at 0 the result is the photo"):
        export(replace(card, base=""), tmp_path / "none.onnx", ExportOptions(strength=0))

"""The module that is exported: the same picture as stylizing, for every size and network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from impasto import networks
from impasto.errors import ExportError
from impasto.export import ExportOptions, export
from impasto.export.graph import Graph
from impasto.styles.mixture import load_styles, mix
from impasto.stylizing import Stylizer
from tests.export.conftest import Family

SIZES = [(45, 61), (16, 16), (1, 1), (5, 9), (64, 72)]
WITHOUT_IMPASTO = """
import sys, torch, warnings
warnings.simplefilter("ignore")
sys.modules["impasto"] = None
extra = {"impasto.json": ""}
module = torch.jit.load(sys.argv[1], _extra_files=extra)
torch.save(([module(image) for image in torch.load(sys.argv[2])], extra), sys.argv[3])
"""
SIZES_TORCHSCRIPT = [(37, 53), (64, 64), (5, 9), (240, 321)]
TORCHSCRIPT = ExportOptions(to="torchscript", strength=0.7)


def graph_of(styles: object, strength: float = 1.0, dtype: torch.dtype = torch.float32) -> Graph:
    mixture = mix(load_styles(styles), strength)  # type: ignore[arg-type]
    return Graph([(card.build(), share) for card, share in mixture.parts], mixture.photo, dtype)


@pytest.mark.parametrize("name", networks.NAMES)
def test_every_network_at_every_size(name: str, batch: Tensor) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = networks.build(name).requires_grad_(False).eval()
    graph = Graph([(network, 1.0)])
    for height, width in SIZES if name == "light" else SIZES[:1]:
        image = torch.nn.functional.interpolate(batch, (height, width))
        found = graph(image)
        assert found.shape == image.shape
        assert (found - network(image).clamp(0, 1)).abs().max() < 2e-3  # norms of noise: rounding grows


@pytest.mark.parametrize(
    ("styles", "strength"),
    [
        (("night",), 1.0),
        (("night",), 0.6),
        (("night", "wave"), 1.0),
        (("stranger",), 0.4),
        (("night", "stranger"), 0.7),
    ],
)
def test_it_does_what_stylizing_does(
    family: Family, batch: Tensor, styles: tuple[str, ...], strength: float
) -> None:
    cards = [(family[name], 1.0 + place) for place, name in enumerate(styles)]
    expected = Stylizer(cards, strength, device="cpu", precision="float32", runtime="torch").picture(batch)
    assert (graph_of(cards, strength)(batch) - expected).abs().max() < 1e-5


def test_styles_of_one_family_become_one_network(family: Family) -> None:
    assert len(graph_of([family["night"], family["wave"]], 0.5).networks) == 1
    assert len(graph_of([family["night"], family["stranger"]]).networks) == 2
    assert graph_of(family["stranger"], 0.25).photo == 0.75


def test_half_precision_keeps_norms_exact_and_pictures_close(family: Family, batch: Tensor) -> None:
    exact, half = graph_of(family["night"]), graph_of(family["night"], dtype=torch.float16)
    kinds = {name.rpartition(".")[0]: tensor.dtype for name, tensor in half.named_parameters()}
    assert {kinds[name] for name in kinds if "norm" in name} == {torch.float32}
    assert {kinds[name] for name in kinds if name.endswith("conv2d")} == {torch.float16}
    found = half(batch)
    assert found.dtype == torch.float32
    assert 0 < (found - exact(batch)).abs().max() < 0.02


def test_the_network_itself_is_left_as_it_is(family: Family) -> None:
    network = family["night"].build()
    Graph([(network, 1.0)], dtype=torch.float16)
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}


def test_it_runs_without_impasto_at_any_size(family: Family, tmp_path: Path, batch: Tensor) -> None:
    images = [torch.nn.functional.interpolate(batch, size) for size in SIZES_TORCHSCRIPT]
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
    monkeypatch.setattr("impasto.export.job.load_torchscript", lambda data: lambda image: image)
    with pytest.raises(ExportError, match="the TorchScript file differs from PyTorch"):
        export(family["night"], tmp_path / "night.pt", TORCHSCRIPT)
    assert list(tmp_path.iterdir()) == []

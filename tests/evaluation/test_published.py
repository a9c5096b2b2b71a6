"""SSIM against its formula; LPIPS and ArtFID as far as they can be had, and what is said where not."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType
from urllib.error import URLError

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from impasto.errors import MissingExtraError, UsageError
from impasto.evaluation.measuring import Method, measure
from impasto.evaluation.metrics import StyleMetrics
from impasto.evaluation.options import EvaluateOptions
from impasto.evaluation.pictures import list_pictures, match_results
from impasto.evaluation.published import ArtFid, load_lpips, load_ssim, measure_artfid
from impasto.imaging.color_transfer import luma, match_colors
from tests.conftest import Picture
from tests.evaluation.conftest import PHOTOS, STYLES, Results

CPU = torch.device("cpu")

# torchvision's AlexNet with random weights: what torchmetrics asks of torchvision for LPIPS, and no more
TORCHVISION = """
from types import SimpleNamespace
from torch import manual_seed, nn
class Weights:
    DEFAULT = "IMAGENET1K_V1"
AlexNet_Weights = Weights
def __getattr__(name):
    return None  # what it imports for other metrics
def alexnet(weights):
    assert weights == "IMAGENET1K_V1"
    manual_seed(0)
    return SimpleNamespace(features=nn.Sequential(
        nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(64, 192, 5, 1, 2), nn.ReLU(),
        nn.MaxPool2d(3, 2), nn.Conv2d(192, 384, 3, 1, 1), nn.ReLU(), nn.Conv2d(384, 256, 3, 1, 1), nn.ReLU(),
        nn.Conv2d(256, 256, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(3, 2)))
"""
LPIPS = """
import torch
from impasto.evaluation.published import load_lpips
like = load_lpips(torch.device("cpu"))
photo, other = torch.rand(2, 1, 3, 72, 64, generator=torch.manual_seed(1))
print(like(photo, photo), like(other, photo), like(0.5 * (photo + other), photo), like(other, photo))
"""


def test_ssim_is_that_of_its_paper(picture: Picture) -> None:
    """Wang et al. 2004, eq. 13 to 16, windows wholly in the picture."""
    photo, style = picture("astronaut", 96)[None], picture("coffee", 80)[None]
    matched = match_colors(photo, style)
    one, two = (luma(image)[0, 0].double().numpy() for image in (matched, photo))
    bell = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    window = np.outer(bell, bell) / np.outer(bell, bell).sum()

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        parts = np.lib.stride_tricks.sliding_window_view(values, (11, 11))
        return np.einsum("hwij,ij->hw", parts, window)

    (m1, m2), (s1, s2) = (mean(one), mean(two)), (mean(one**2), mean(two**2))
    covariance = mean(one * two) - m1 * m2
    upper = (2 * m1 * m2 + 1e-4) * (2 * covariance + 9e-4)
    lower = (m1**2 + m2**2 + 1e-4) * (s1 - m1**2 + s2 - m2**2 + 9e-4)
    expected = (upper / lower).mean()
    assert load_ssim()(matched, photo) == pytest.approx(expected, abs=1e-5)
    assert load_ssim()(photo, photo) == pytest.approx(1)
    assert 0.3 < expected < 0.99


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("skimage.metrics", "torchmetrics", "torchmetrics.image.lpip"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(
        MissingExtraError, match=r"SSIM needs scikit-image: pip install 'impasto\[evaluate\]'"
    ):
        load_ssim()
    monkeypatch.setitem(sys.modules, "torchvision", ModuleType("torchvision"))
    with pytest.raises(MissingExtraError, match=r"LPIPS needs torchmetrics"):
        load_lpips(CPU)


def test_without_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    said = r"LPIPS cannot be measured: it needs torchvision, .*; leave the metric out"
    with pytest.raises(UsageError, match=said):
        load_lpips(CPU)


def test_torchvision_of_another_build(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "torchvision.py"
    broken.write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UsageError, match=r"nms does not exist\); torchvision must be the build"):
        load_lpips(CPU)


def test_lpips_is_that_of_torchmetrics(tmp_path: Path) -> None:
    """Its own code and linear weights, on random features: in a process that finds a torchvision."""
    package, told = tmp_path / "torchvision", tmp_path / "torchvision-0.20.0.dist-info"
    package.mkdir()
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: torchvision\nVersion: 0.20.0\n")
    (package / "__init__.py").write_text("from torchvision import models, transforms\n")
    (package / "models.py").write_text(TORCHVISION)
    (package / "transforms.py").touch()  # torchmetrics imports it for another metric
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{LPIPS}"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    itself, other, half, again = map(float, result.stdout.split())
    assert itself == 0 < half < other == again


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def art_fid(fails: Exception | None = None) -> tuple[ModuleType, list[dict[str, list[Path]]]]:
    """The package's place, and what it was given: files of each folder, in the order that it takes them."""
    seen: list[dict[str, list[Path]]] = []

    def compute_art_fid(
        stylized: str, style: str, content: str, batch: int, device: str, mode: str, metric: str, workers: int
    ) -> float:
        assert (batch, device, mode, metric, workers) == (1, "cpu", "art_fid", "lpips", 0)
        if fails:
            raise fails
        folders = {"stylized": stylized, "style": style, "content": content}
        seen.append({kind: sorted(Path(folder).iterdir()) for kind, folder in folders.items()})
        seen[-1]["sizes"] = [size(path) for path in seen[-1]["stylized"]]  # type: ignore[misc]
        print("Compute FID value...")
        return 20.0 + len(seen)

    module = ModuleType("art_fid.art_fid")
    module.compute_art_fid = compute_art_fid  # type: ignore[attr-defined]
    return module, seen


def test_artfid_is_given_its_folders(
    folders: tuple[Path, Path], style_metrics: StyleMetrics, mix: Results, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Each pair's picture, photo and style under one name, for methods and controls alike."""
    module, seen = art_fid()
    monkeypatch.setitem(sys.modules, "art_fid", ModuleType("art_fid"))
    monkeypatch.setitem(sys.modules, "art_fid.art_fid", module)
    (mix("ours", 0.5) / "chelsea-great-wave.png").unlink()
    photos, styles = map(list_pictures, folders)
    ours = Method("ours", match_results(folders[0].parent / "ours", PHOTOS, STYLES).pictures)
    outcome = measure(photos, styles, [ours], style_metrics, EvaluateOptions(size=64, resamples=100))
    numbers = measure_artfid(photos, styles, [ours], outcome, ArtFid(CPU))
    assert numbers == {"ours": 21.0, "photo": 22.0, "style": 23.0, "colors": 24.0}
    for given in seen:
        names = [[path.name for path in given[kind]] for kind in ("stylized", "style", "content")]
        assert names[0] == names[1] == names[2] and len(names[0]) == 3
        assert given["sizes"] == [(64, 48)] * 3
    assert capsys.readouterr().out == ""


def test_one_picture_has_no_artfid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "art_fid", ModuleType("art_fid"))
    monkeypatch.setitem(sys.modules, "art_fid.art_fid", art_fid()[0])
    image = torch.rand(1, 3, 32, 32)
    assert not ArtFid(CPU)([(image, image, image)]) > 0


def test_without_art_fid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "art_fid", None)
    with pytest.raises(UsageError, match=r"ArtFID cannot be measured: .*pip install art-fid.*NumPy below 2"):
        ArtFid(CPU)


def test_weights_that_cannot_be_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "art_fid", ModuleType("art_fid"))
    monkeypatch.setitem(sys.modules, "art_fid.art_fid", art_fid(URLError("no network"))[0])
    image = torch.rand(1, 3, 32, 32)
    with pytest.raises(UsageError, match=r"published weights could not be downloaded \(no network\)"):
        ArtFid(CPU)([(image, image, image)] * 2)

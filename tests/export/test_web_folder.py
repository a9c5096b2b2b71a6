"""The folder of a page: whole or not there, and never in the place of something else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from PIL import Image

from impasto.errors import ExportError, ImageError, UsageError
from impasto.export import ExportOptions, export
from impasto.export.web import folder, runtime
from tests.export.conftest import Family


@pytest.fixture
def runtime_dir(tmp_path: Path) -> Path:
    """Files with the right names."""
    path = tmp_path / "runtime"
    path.mkdir()
    for name in runtime.FILES:
        (path / name).write_text(name)
    return path


def test_all_that_a_page_needs(family: Family, tmp_path: Path, runtime_dir: Path) -> None:
    report = export(family["night"], tmp_path / "site", ExportOptions(to="web", runtime_dir=runtime_dir))
    written = {path.name for path in (tmp_path / "site").iterdir()}
    assert written == {*folder.PAGE, *runtime.FILES, folder.MODEL, folder.ABOUT, folder.LICENCES}
    assert (tmp_path / "site" / folder.MODEL).stat().st_size == report.size
    about = json.loads((tmp_path / "site" / folder.ABOUT).read_text())
    assert (about["style"], about["licence"]) == ("night", "CC0")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runtime", "site"]


def test_it_names_no_other_host() -> None:
    for path in folder._PAGE.iterdir():
        text = path.read_text(encoding="utf-8")
        hosts = re.findall(r"(?:https?:)?//[a-z0-9][\w.-]*\.[a-z]{2,}", text)
        assert hosts in ([], ["http://www.w3.org"]), path.name  # the name of SVG, in the page's icon
    assert {path.name for path in folder._PAGE.iterdir()} == {*folder.PAGE, folder.LICENCES}


def test_a_page_is_replaced_when_that_is_said(family: Family, tmp_path: Path, runtime_dir: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()  # an empty folder is no obstacle
    options = ExportOptions(to="web", runtime_dir=runtime_dir)
    export(family["night"], site, options)
    (site / "stale.txt").write_text("of an older version")
    with pytest.raises(UsageError, match=r"site exists: name another folder, or .* overwrite=True"):
        export(family["night"], site, options)
    export(family["night"], site, ExportOptions(to="web", runtime_dir=runtime_dir, overwrite=True))
    assert (site / folder.MODEL).is_file() and not (site / "stale.txt").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runtime", "site"]


def test_other_things_are_never_replaced(family: Family, tmp_path: Path, runtime_dir: Path) -> None:
    holiday, a_file = tmp_path / "holiday", tmp_path / "night.onnx"
    holiday.mkdir()
    Image.new("RGB", (8, 8)).save(holiday / "photo.png")
    a_file.write_text("mine")
    options = ExportOptions(to="web", runtime_dir=runtime_dir, overwrite=True)
    with pytest.raises(UsageError, match="holiday holds other things than a page"):
        export(family["night"], holiday, options)
    with pytest.raises(UsageError, match=r"night\.onnx is a file: a page goes into a folder"):
        export(family["night"], a_file, options)
    with pytest.raises(ImageError, match="there is no folder"):
        export(family["night"], tmp_path / "no" / "site", options)
    with pytest.raises(UsageError, match=r"holiday does not hold onnxruntime-web"):
        export(family["night"], tmp_path / "site", ExportOptions(to="web", runtime_dir=holiday))
    assert (holiday / "photo.png").is_file() and a_file.read_text() == "mine"


def test_nothing_is_left_where_it_fails(
    family: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise ExportError("npm could not fetch it")

    monkeypatch.setattr(runtime, "place", fail)
    with pytest.raises(ExportError, match="npm could not fetch it"):
        export(family["night"], tmp_path / "site", ExportOptions(to="web"))
    assert list(tmp_path.iterdir()) == []

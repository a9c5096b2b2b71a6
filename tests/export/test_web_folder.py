"""The folder of a page: whole or not there, and never in the place of something else."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import re
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from impasto.errors import ExportError, ImageError, UsageError
from impasto.export import ExportOptions, export
from impasto.export.web import folder
from tests.export.conftest import Family

Npm = Callable[[str], Path]

SCRIPT = '#!/bin/sh\necho "$@" >> "{calls}"\nwhile [ "$1" != --pack-destination ]; do shift; done\n'


@pytest.fixture
def runtime_dir(tmp_path: Path) -> Path:
    """Files with the right names."""
    path = tmp_path / "runtime"
    path.mkdir()
    for name in folder.FILES:
        (path / name).write_text(name)
    return path


def test_all_that_a_page_needs(family: Family, tmp_path: Path, runtime_dir: Path) -> None:
    report = export(family["night"], tmp_path / "site", ExportOptions(to="web", runtime_dir=runtime_dir))
    written = {path.name for path in (tmp_path / "site").iterdir()}
    assert written == {*folder.PAGE, *folder.FILES, folder.MODEL, folder.ABOUT, folder.LICENCES}
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

    monkeypatch.setattr(folder, "place", fail)
    with pytest.raises(ExportError, match="npm could not fetch it"):
        export(family["night"], tmp_path / "site", ExportOptions(to="web"))
    assert list(tmp_path.iterdir()) == []


def package(names: tuple[str, ...] = folder.FILES) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name in names:
            entry = tarfile.TarInfo(f"package/dist/{name}")
            entry.size = len(name)
            archive.addfile(entry, io.BytesIO(name.encode()))
    return buffer.getvalue()


@pytest.fixture
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that is taken for the right one, and an empty cache."""
    path = tmp_path / "known.tgz"
    path.write_bytes(package())
    digest = base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
    monkeypatch.setattr(folder, "SHA512", digest)
    monkeypatch.setenv("IMPASTO_CACHE", str(tmp_path / "cache"))
    return path


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Npm:
    """Put a script named npm first in the path; gives the file that counts its calls."""

    def install(rest: str) -> Path:
        calls, folder = tmp_path / "calls", tmp_path / "bin"
        folder.mkdir()
        (folder / "npm").write_text(SCRIPT.format(calls=calls) + rest)
        (folder / "npm").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        return calls

    return install


def test_fetched_once_and_kept(known: Path, npm: Npm, tmp_path: Path) -> None:
    calls = npm(f'cp "{known}" "$2/onnxruntime-web.tgz"')
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        folder.place(tmp_path / name)
        assert {path.name: path.read_text() for path in (tmp_path / name).iterdir()} == {
            name: name for name in folder.FILES
        }
    (call,) = calls.read_text().splitlines()
    assert call.startswith(f"pack onnxruntime-web@{folder.VERSION} ")


def test_a_damaged_copy_is_fetched_again(known: Path, npm: Npm, tmp_path: Path) -> None:
    kept = tmp_path / "cache" / f"onnxruntime-web-{folder.VERSION}.tgz"
    kept.parent.mkdir()
    kept.write_bytes(b"half of it")
    npm(f'cp "{known}" "$2/onnxruntime-web.tgz"')
    folder.place(known.parent)
    assert kept.read_bytes() == known.read_bytes()


def test_another_package_is_not_used(known: Path, npm: Npm, tmp_path: Path) -> None:
    npm('echo evil > "$2/onnxruntime-web.tgz"')
    with pytest.raises(ExportError, match=r"npm brought another onnxruntime-web .* runtime_dir="):
        folder.place(tmp_path)
    assert not (tmp_path / "cache").exists()


def test_without_network(known: Path, npm: Npm, tmp_path: Path) -> None:
    npm("echo getaddrinfo ENOTFOUND >&2; exit 1")
    with pytest.raises(ExportError, match=r"could not fetch .*\(getaddrinfo ENOTFOUND\): check the network"):
        folder.place(tmp_path)


def test_without_npm(known: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ExportError, match=r"npm fetches once: install Node\.js, or .* runtime_dir="):
        folder.place(tmp_path)


@pytest.mark.parametrize("below", ["", "dist"])
def test_from_a_folder(tmp_path: Path, below: str) -> None:
    source, target = tmp_path / "source" / below, tmp_path / "target"
    source.mkdir(parents=True)
    target.mkdir()
    for name in folder.FILES:
        (source / name).write_text(name)
    folder.place(target, tmp_path / "source")
    assert {path.name for path in target.iterdir()} == set(folder.FILES)
    (source / folder.FILES[0]).unlink()
    with pytest.raises(UsageError, match=r"does not hold onnxruntime-web .*: it has no ort\.wasm\.min\.mjs"):
        folder.place(target, tmp_path / "source")

"""onnxruntime-web: verified, kept, and taken from a folder; npm is played by a script."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from impasto.errors import ExportError, UsageError
from impasto.export.web import runtime

Npm = Callable[[str], Path]

SCRIPT = '#!/bin/sh\necho "$@" >> "{calls}"\nwhile [ "$1" != --pack-destination ]; do shift; done\n'


def package(names: tuple[str, ...] = runtime.FILES) -> bytes:
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
    monkeypatch.setattr(runtime, "SHA512", digest)
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
        runtime.place(tmp_path / name)
        assert {path.name: path.read_text() for path in (tmp_path / name).iterdir()} == {
            name: name for name in runtime.FILES
        }
    (call,) = calls.read_text().splitlines()
    assert call.startswith(f"pack onnxruntime-web@{runtime.VERSION} ")


def test_a_damaged_copy_is_fetched_again(known: Path, npm: Npm, tmp_path: Path) -> None:
    kept = tmp_path / "cache" / f"onnxruntime-web-{runtime.VERSION}.tgz"
    kept.parent.mkdir()
    kept.write_bytes(b"half of it")
    npm(f'cp "{known}" "$2/onnxruntime-web.tgz"')
    runtime.place(known.parent)
    assert kept.read_bytes() == known.read_bytes()


def test_another_package_is_not_used(known: Path, npm: Npm, tmp_path: Path) -> None:
    npm('echo evil > "$2/onnxruntime-web.tgz"')
    with pytest.raises(ExportError, match=r"npm brought another onnxruntime-web .* runtime_dir="):
        runtime.place(tmp_path)
    assert not (tmp_path / "cache").exists()


def test_without_network(known: Path, npm: Npm, tmp_path: Path) -> None:
    npm("echo getaddrinfo ENOTFOUND >&2; exit 1")
    with pytest.raises(ExportError, match=r"could not fetch .*\(getaddrinfo ENOTFOUND\): check the network"):
        runtime.place(tmp_path)


def test_without_npm(known: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ExportError, match=r"npm fetches once: install Node\.js, or .* runtime_dir="):
        runtime.place(tmp_path)


@pytest.mark.parametrize("below", ["", "dist"])
def test_from_a_folder(tmp_path: Path, below: str) -> None:
    source, target = tmp_path / "source" / below, tmp_path / "target"
    source.mkdir(parents=True)
    target.mkdir()
    for name in runtime.FILES:
        (source / name).write_text(name)
    runtime.place(target, tmp_path / "source")
    assert {path.name for path in target.iterdir()} == set(runtime.FILES)
    (source / runtime.FILES[0]).unlink()
    with pytest.raises(UsageError, match=r"does not hold onnxruntime-web .*: it has no ort\.wasm\.min\.mjs"):
        runtime.place(target, tmp_path / "source")

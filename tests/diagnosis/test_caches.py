"""Caches: what is in them, and whether they can be written to. Looking leaves nothing behind."""

import errno
import os
import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from impasto.diagnosis import caches
from impasto.diagnosis.findings import Finding


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is not there yet; PyTorch's hub is empty."""
    monkeypatch.setenv("IMPASTO_CACHE", str(tmp_path / "deep/cache"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    return tmp_path / "deep/cache"


def look() -> dict[str, Finding]:
    return {finding.name: finding for finding in caches.look()}


def put(path: Path, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))


def test_nothing_there_yet(cache: Path) -> None:
    found = look()
    assert list(found) == ["weights", "temporary"]
    assert {finding.state for finding in found.values()} == {"ok"}
    assert found["weights"].facts["folder"] == str(cache)
    assert found["weights"].facts["files"] == 0
    assert not cache.parent.exists()


def test_what_is_kept_is_counted(cache: Path, tmp_path: Path) -> None:
    put(cache / "vgg19.pth", 3_000_000)
    put(cache / "vgg16.pth.part.0a1b", 500)
    put(cache / "encoded/a/b.safetensors", 2000)
    put(cache / "encoded/c.safetensors", 500)
    put(tmp_path / "hub/checkpoints/vgg19.pth", 70_000)
    found = look()
    assert list(found) == ["weights", "encoded", "torch hub", "temporary"]
    assert "2 files, 3.0 MB, 1 of them unfinished downloads" in found["weights"].text
    assert {name: (one.facts["files"], one.facts["bytes"]) for name, one in found.items()} == {
        "weights": (2, 3_000_500), "encoded": (2, 2500), "torch hub": (1, 70_000), "temporary": (0, 0),
    }  # fmt: skip
    assert sorted(path.name for path in cache.iterdir()) == ["encoded", "vgg16.pth.part.0a1b", "vgg19.pth"]


def test_a_file_in_the_way(cache: Path) -> None:
    put(cache.parent, 1)
    found = look()["weights"]
    assert found.state == "warning"
    assert f"{cache.parent} is no folder" in found.text
    assert found.advice == "name another folder in IMPASTO_CACHE"


def test_a_folder_that_takes_no_files(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.mkdir(parents=True)

    def refuse(**where: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    found = look()
    assert found["weights"].text == f"{cache}; it cannot be written to (Read-only file system)"
    assert (found["temporary"].state, found["temporary"].advice) == (
        "warning",
        "name another folder in TMPDIR",
    )


def test_a_folder_that_cannot_be_made(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert caches.unwritable(cache) == f"{cache.parent.parent} is not writable"


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=12_000_000))
    found = look()["weights"]
    assert found.state == "warning"
    assert "only 12 MB are free there" in found.text
    assert found.advice.startswith("free some space, or name another folder")

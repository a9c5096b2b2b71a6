"""impasto, Python, system and processor; systems that are not here are played."""

import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from impasto.diagnosis import machine


def test_this_machine() -> None:
    found = {finding.name: finding for finding in machine.look()}
    assert list(found) == ["impasto", "python", "system", "processor"]
    assert {found[name].state for name in ("impasto", "python", "system")} == {"ok"}
    assert found["impasto"].facts["version"] == metadata.version("impasto")
    assert platform.python_version() in found["python"].text
    assert found["processor"].facts["cores"] == os.cpu_count()
    assert 1 <= found["processor"].facts["usable_cores"] <= os.cpu_count()


def test_a_copy_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", version)
    finding = next(machine.look())
    assert finding.state == "warning"
    assert finding.advice.startswith("pip install ")


def test_cores_that_are_not_ours_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "_CPU_QUOTA", tmp_path / "none")
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 5}, raising=False)
    *_, processor = machine.look()
    assert processor.text.endswith("16 cores, 2 of them for this process")
    monkeypatch.delattr(os, "sched_getaffinity")
    *_, processor = machine.look()
    assert processor.text.endswith(", 16 cores")


@pytest.mark.parametrize(
    ("limit", "quota", "state"),
    [
        ("150000 100000", 1.5, "warning"),
        ("1600000 100000", 16, "ok"),
        ("max 100000", None, "ok"),
        ("?", None, "ok"),
    ],
)
def test_a_container_that_grants_less_than_it_shows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, limit: str, quota: float | None, state: str
) -> None:
    (tmp_path / "cpu.max").write_text(f"{limit}\n")
    monkeypatch.setattr(machine, "_CPU_QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(16)), raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    *_, processor = machine.look()
    assert (processor.facts["quota"], processor.state) == (quota, state)
    if state == "warning":
        assert processor.advice == "export OMP_NUM_THREADS=2"
        monkeypatch.setenv("OMP_NUM_THREADS", "2")
        *_, processor = machine.look()
        assert processor.state == "ok"


def test_the_processor_on_linux(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(machine, "_CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(platform, "processor", lambda: "")
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert machine._processor_name() == "riscv64"  # nothing there
    (tmp_path / "cpuinfo").write_text(
        "processor : 0\nmodel name\t: Fast(R) CPU 9: 3 GHz\nmodel name\t: other\n"
    )
    assert machine._processor_name() == "Fast(R) CPU 9: 3 GHz"


def test_the_processor_on_macos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(subprocess, "run", lambda *command, **rest: SimpleNamespace(stdout="Apple M3\n"))
    assert machine._processor_name() == "Apple M3"

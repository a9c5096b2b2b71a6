"""Devices of this machine, and some that are played; what they compute is compared all the same."""

import os
from pathlib import Path

import pytest
import torch

from impasto.diagnosis import devices
from impasto.diagnosis.findings import Finding

GB = 1_000_000_000


@pytest.fixture(autouse=True)
def no_driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(devices, "_DRIVER", tmp_path / "none")
    monkeypatch.setattr("shutil.which", lambda name: None)


def look() -> dict[str, Finding]:
    return {finding.name: finding for finding in devices.look()}


def test_the_processor_computes() -> None:
    found = look()
    assert found["cpu"].state == "ok"
    assert found["cpu"].seconds is not None
    assert 0 < found["cpu"].facts["free_bytes"] <= found["cpu"].facts["total_bytes"]
    assert found["torch"].facts["threads"] == torch.get_num_threads()
    assert found["torch"].text.startswith(torch.__version__)
    assert found["auto"].facts["precision"] in ("float32", "bfloat16")


def test_little_memory_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "available_memory", lambda device: GB // 2)
    found = look()["cpu"]
    assert (found.state, found.facts["free_bytes"]) == ("warning", GB // 2)
    assert "500 MB of" in found.text
    assert "--size" in found.advice


def test_systems_that_do_not_tell_their_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sysconf")
    found = look()["cpu"]
    assert (found.state, found.facts["total_bytes"]) == ("ok", None)


def test_a_device_that_does_not_compute() -> None:
    """PyTorch's meta device takes tensors, but has no numbers to give back."""
    assert "it does not compute: NotImplementedError" in str(devices.fault_of(torch.device("meta")))
    assert devices.fault_of(torch.device("cpu")) is None


@pytest.mark.parametrize(("factor", "is_wrong"), [(1.0005, False), (1.2, True), (float("nan"), True)])
def test_a_device_that_computes_wrongly(
    monkeypatch: pytest.MonkeyPatch, factor: float, is_wrong: bool
) -> None:
    def compute(device: torch.device, dtype: torch.dtype) -> torch.Tensor:
        exact = torch.tensor([1.0, -4.0], dtype=dtype)
        return exact if dtype == torch.float64 else exact * factor

    monkeypatch.setattr(devices, "_compute", compute)
    fault = devices.fault_of(torch.device("cpu"))
    assert (fault is not None) is is_wrong
    if is_wrong:
        assert str(fault).startswith("it computes wrongly: off by ")
        assert look()["cpu"].state == "failed"


def test_the_convolution_can_tell_a_wrong_one() -> None:
    found = devices._compute(torch.device("cpu"), torch.float32)
    assert found.shape == (1, 8, 32, 32)
    assert (found[0, 0] - found[0, 5]).abs().max() > 1


def play_cuda(monkeypatch: pytest.MonkeyPatch, free: int | Exception) -> None:
    """Two cards of a machine that has none; what they are asked to compute is refused."""

    def memory(device: torch.device) -> int:
        if isinstance(free, Exception) and device.type == "cuda":
            raise free
        return free if device.type == "cuda" else 8 * GB  # type: ignore[return-value]

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: f"Card {index}")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    monkeypatch.setattr(devices, "available_memory", memory)


def test_cards_are_listed_each(monkeypatch: pytest.MonkeyPatch) -> None:
    play_cuda(monkeypatch, 70 * GB)
    monkeypatch.setattr(devices, "fault_of", lambda device: "it is hot" if device.index == 1 else None)
    found = look()
    assert (found["cuda:0"].state, found["cuda:0"].text) == ("ok", "Card 0, 70 GB of memory free")
    assert (found["cuda:1"].state, found["cuda:1"].facts["free_bytes"]) == ("failed", 70 * GB)
    assert found["cuda:1"].text == "Card 1, 70 GB of memory free, but it is hot"
    assert "--device cpu" in found["cuda:1"].advice
    assert found["auto"].text == "computes on cuda in bfloat16"


def test_a_card_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    play_cuda(monkeypatch, RuntimeError("CUDA error: all devices are busy\nmore"))
    found = look()["cuda:0"]
    assert (found.state, found.text) == ("failed", "Card 0: RuntimeError: CUDA error: all devices are busy")


@pytest.mark.parametrize(
    ("build", "text", "advice"),
    [(None, "built for the CPU alone", "pytorch.org"), ("12.8", "CUDA 12.8 finds no device", "nvidia-smi")],
)
def test_a_card_that_is_not_used(
    monkeypatch: pytest.MonkeyPatch, build: str | None, text: str, advice: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "cuda" not in look()
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/nvidia-smi")
    monkeypatch.setattr(torch.version, "cuda", build)
    found = look()["cuda"]
    assert found.state == "warning"
    assert text in found.text
    assert advice in found.advice


@pytest.mark.parametrize(
    ("cuda", "hip", "name"),
    [("12.8", None, "CUDA 12.8"), (None, "6.3", "ROCm 6.3"), (None, None, "the CPU")],
)
def test_builds_have_names(
    monkeypatch: pytest.MonkeyPatch, cuda: str | None, hip: str | None, name: str
) -> None:
    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(torch.version, "hip", hip, raising=False)
    assert devices._build().startswith(name)

"""What auto takes on this machine, and what is said of runtimes that fail or are not there."""

import pytest
import torch

from impasto.diagnosis import runtimes
from impasto.diagnosis.findings import Finding
from impasto.errors import MissingExtraError
from impasto.stylizing import runners


def look(monkeypatch: pytest.MonkeyPatch, **makers: object) -> list[Finding]:
    """With these in place of the real ones, on a CPU in float32, where both are tried."""
    monkeypatch.setattr(runners, "_makers", lambda: makers)
    monkeypatch.setattr(runtimes, "resolve", lambda *names: (torch.device("cpu"), torch.float32))
    return list(runtimes.look())


def missing(*arguments: object) -> None:
    raise MissingExtraError("it", "fast", "The runtime")


def broken(*arguments: object) -> None:
    raise RuntimeError("illegal instruction\nin line 3")


class Exact:
    """A runner that paints as PyTorch does."""

    name = "onnxruntime"

    def __init__(self, network: torch.nn.Module, dtype: torch.dtype) -> None:
        self._network = network

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            return self._network(batch)


class Dark(Exact):
    """One that does not."""

    name = "openvino"

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        return super().__call__(batch) / 2


def test_the_real_ones() -> None:
    pytest.importorskip("openvino")
    if torch.cuda.is_available():
        pytest.skip("PyTorch is the fastest here")
    (found,) = runtimes.look()
    assert (found.state, found.facts["runtime"]) == ("ok", "openvino"), found
    assert found.seconds is not None


def test_none_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    (found,) = look(monkeypatch, openvino=missing, onnxruntime=missing)
    assert (found.state, found.advice) == ("absent", "pip install 'impasto[fast]'")
    assert found.facts == {"runtime": "torch", "device": "cpu", "precision": "float32"}


def test_a_runtime_that_breaks_is_passed_over_aloud(monkeypatch: pytest.MonkeyPatch) -> None:
    failed, taken = look(monkeypatch, openvino=broken, onnxruntime=Exact)
    assert failed.state == "failed"
    assert "openvino cannot run" in failed.text
    assert "(illegal instruction)" in failed.text
    assert failed.advice == "pip install --upgrade --force-reinstall openvino"
    assert (taken.state, taken.facts["runtime"]) == ("ok", "onnxruntime")


def test_a_runtime_that_paints_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    failed, taken = look(monkeypatch, openvino=Dark, onnxruntime=missing)
    assert "openvino does not paint as torch does here" in failed.text
    assert (taken.state, taken.facts["runtime"]) == ("ok", "torch")

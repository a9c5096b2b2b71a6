"""Check PyTorch and its devices: each device computes a small convolution, which is compared."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from impasto.device import available_memory, resolve_device, resolve_precision
from impasto.diagnosis.findings import Finding, in_bytes, reason_of

_TOLERANCE = 1e-2  # relative to the largest value; allows for TF32
_LITTLE = 1_000_000_000  # bytes free; a painting of 512 pixels takes a quarter of it, one of 1024 pixels all
_DRIVER = Path("/proc/driver/nvidia/version")
_GUIDE = "pytorch.org/get-started/locally"


def look() -> Iterator[Finding]:
    """Check PyTorch, the CPU, each accelerator, and the choice of "auto"."""
    yield _torch()
    yield _cpu()
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        yield _accelerator(torch.device("cuda", index), torch.cuda.get_device_name(index))
    for index in range(torch.xpu.device_count() if torch.xpu.is_available() else 0):
        yield _accelerator(torch.device("xpu", index), torch.xpu.get_device_name(index))
    if torch.backends.mps.is_available():
        yield _accelerator(torch.device("mps"), "Apple GPU")
    if not torch.cuda.is_available() and (_DRIVER.exists() or shutil.which("nvidia-smi")):
        yield _unused_card()
    yield _chosen()


def _torch() -> Finding:
    threads = torch.get_num_threads()
    text = f"{torch.__version__}, built for {_build()}, {threads} {'thread' if threads == 1 else 'threads'}"
    return Finding("torch", "ok", text, facts={"build": _build(), "threads": threads})


def _build() -> str:
    if torch.version.cuda:
        return f"CUDA {torch.version.cuda}"
    if getattr(torch.version, "hip", None):
        return f"ROCm {torch.version.hip}"
    return "the CPU and Apple GPUs" if torch.backends.mps.is_built() else "the CPU"


def _cpu() -> Finding:
    device = torch.device("cpu")
    free, fast = available_memory(device), resolve_precision("auto", device) == torch.bfloat16
    level = torch.backends.cpu.get_cpu_capability()
    total = _built_in_memory()
    of_all = f" of {in_bytes(total)}" if total else ""
    text = f"{level}, {'fast' if fast else 'no fast'} bfloat16, {in_bytes(free)}{of_all} of memory free"
    facts = {"level": level, "bfloat16": fast, "free_bytes": free, "total_bytes": total}
    if free < _LITTLE:
        advice = "close other programs, or paint smaller: impasto paint --size 384 ..."
        return Finding("cpu", "warning", text, advice, facts=facts)
    return _tried(device, text, facts, "pip install --upgrade --force-reinstall torch")


def _built_in_memory() -> int | None:
    """Bytes of installed memory; None if the system does not report it."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return None


def _accelerator(device: torch.device, name: str) -> Finding:
    advice = f"take the build of PyTorch for this device ({_GUIDE}), or compute elsewhere: --device cpu"
    try:
        free = available_memory(device)
    except Exception as error:  # such as a device in exclusive use by another process
        return Finding(str(device), "failed", f"{name}: {reason_of(error)}", advice)
    text = f"{name}, {in_bytes(free)} of memory free"
    return _tried(device, text, {"device": name, "free_bytes": free}, advice)


def _tried(device: torch.device, text: str, facts: dict[str, Any], advice: str) -> Finding:
    started = time.monotonic()
    fault = fault_of(device)
    seconds = time.monotonic() - started
    if fault:
        return Finding(str(device), "failed", f"{text}, but {fault}", advice, seconds, facts)
    return Finding(str(device), "ok", text, seconds=seconds, facts=facts)


def fault_of(device: torch.device) -> str | None:
    """Describe what is wrong with the device's results, or None."""
    try:
        found = _compute(device, torch.float32).cpu()
    except Exception as error:  # drivers raise various exceptions
        return f"it does not compute: {reason_of(error)}"
    exact = _compute(torch.device("cpu"), torch.float64)
    off = float((found.double() - exact).abs().max() / exact.abs().max())
    return None if off <= _TOLERANCE else f"it computes wrongly: off by {off:.1%}"


def _compute(device: torch.device, dtype: torch.dtype) -> Tensor:
    """Compute a convolution of waves, (1, 8, 32, 32)."""
    image = torch.linspace(0, 50, 3 * 32 * 32, dtype=dtype).sin().reshape(1, 3, 32, 32)
    kernel = torch.linspace(-3, 3, 8 * 3 * 9, dtype=dtype).cos().reshape(8, 3, 3, 3)
    return conv2d(image.to(device), kernel.to(device), padding=1)


def _unused_card() -> Finding:
    if torch.version.cuda is None:
        text = "an NVIDIA driver is here, but this PyTorch is built for the CPU alone"
        return Finding("cuda", "warning", text, f"install PyTorch for CUDA: {_GUIDE}")
    text = f"an NVIDIA driver is here, but CUDA {torch.version.cuda} finds no device to use"
    return Finding("cuda", "warning", text, "see whether nvidia-smi lists the card; if so, update its driver")


def _chosen() -> Finding:
    device = resolve_device("auto")
    precision = str(resolve_precision("auto", device)).removeprefix("torch.")
    facts = {"device": device.type, "precision": precision}
    return Finding("auto", "ok", f"computes on {device.type} in {precision}", facts=facts)

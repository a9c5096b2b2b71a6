"""Report the runtime that "auto" chooses, and compare it with PyTorch."""

from __future__ import annotations

import time
from collections.abc import Iterator

from impasto import styles
from impasto.diagnosis.findings import Finding
from impasto.stylizing.runners import make_runner
from impasto.stylizing.runtime import MANY, resolve

_FASTER = "pip install 'impasto[fast]'"


def look() -> Iterator[Finding]:
    """Report the runtime that "auto" takes, and each runtime that it had to skip."""
    device, dtype = resolve("auto", "auto", "auto")
    network = styles.load(next(iter(styles.cards()))).build()
    started = time.monotonic()
    runner, notes = make_runner(network, "auto", device, dtype)
    seconds = time.monotonic() - started
    for note in notes:
        yield Finding("auto", "failed", note, f"pip install --upgrade --force-reinstall {_named_in(note)}")
    precision = str(dtype).removeprefix("torch.")
    facts = {"runtime": runner.name, "device": device.type, "precision": precision}
    if runner.name != "torch":
        text = f"{runner.name} in {precision} for videos and {MANY} photos or more: it paints as PyTorch does"
        yield Finding("auto", "ok", text, seconds=seconds, facts=facts)
    elif device.type == "cpu" and not notes:
        text = "PyTorch for all; OpenVINO paints videos up to twice as fast on most processors"
        yield Finding("auto", "absent", text, _FASTER, facts=facts)
    else:
        yield Finding("auto", "ok", "PyTorch for all", facts=facts)


def _named_in(note: str) -> str:
    """Name of the runtime's library that a note is about."""
    return next((name for name in ("openvino", "onnxruntime") if name in note), "'impasto[fast]'")

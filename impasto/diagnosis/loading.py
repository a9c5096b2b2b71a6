"""Test whether libraries load, each in its own process, so that a crash does no harm."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from impasto.diagnosis.machine import usable_cores

_PATIENCE = 60.0  # seconds for each; on a slow disk the first import of the largest takes half of this
_AT_ONCE = 4
_LONGEST = 200  # characters of an error message

# Telemetry is disabled, as in stylizing.openvino_runtime: even an import would be reported to the vendor.
_LOAD = "import sys; sys.modules['openvino_telemetry'] = None; __import__(sys.argv[1])"
_QUIET = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "ignore"}


def faults(modules: Iterable[str]) -> dict[str, str]:
    """Find the modules that do not load; returns the reason for each by name."""
    names = sorted(modules)
    with ThreadPoolExecutor(min(_AT_ONCE, usable_cores())) as pool:
        reasons = dict(zip(names, pool.map(_fault, names), strict=True))
    return {name: reason for name, reason in reasons.items() if reason is not None}


def _fault(module: str) -> str | None:
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", _LOAD, module],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_PATIENCE,
            env={**os.environ, **_QUIET},
        )
    except subprocess.TimeoutExpired:
        return f"it takes longer than {_PATIENCE:.0f} s"
    if done.returncode == 0:
        return None
    if done.returncode < 0:
        return f"it crashes: {signal.strsignal(-done.returncode) or done.returncode}"
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return lines[-1][:_LONGEST] if lines else f"it ends with code {done.returncode}"

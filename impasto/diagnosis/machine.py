"""Check impasto, Python, the system and the processor."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from impasto.diagnosis.findings import Finding

_CPUINFO = Path("/proc/cpuinfo")
_CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # the container's own limit, seen from inside


def look() -> Iterator[Finding]:
    """Report the versions of impasto and Python, the system, and the processor."""
    yield _impasto()
    yield _python()
    yield Finding("system", "ok", platform.platform(), facts={"machine": platform.machine()})
    yield _processor()


def _impasto() -> Finding:
    folder = Path(__file__).parents[1]
    try:
        version = metadata.version("impasto")
    except metadata.PackageNotFoundError:
        text = f"runs from {folder} without being installed"
        return Finding("impasto", "warning", text, f"pip install {folder.parent}")
    return Finding("impasto", "ok", f"{version} in {folder}", facts={"version": version})


def _python() -> Finding:
    version, bits = platform.python_version(), 64 if sys.maxsize > 2**32 else 32
    own = "" if sys.prefix == sys.base_prefix else ", a virtual environment"
    return Finding(
        "python",
        "ok",
        f"{version} ({platform.python_implementation()}, {bits} bits) at {sys.executable}{own}",
        facts={"version": version, "bits": bits, "executable": sys.executable},
    )


def _processor() -> Finding:
    cores, usable, quota = os.cpu_count() or 1, usable_cores(), _quota()
    text = f"{_processor_name()}, {cores} {'core' if cores == 1 else 'cores'}"
    if usable < cores:
        text += f", {usable} of them for this process"
    facts = {"cores": cores, "usable_cores": usable, "quota": quota}
    if quota is not None and quota < usable and "OMP_NUM_THREADS" not in os.environ:
        text += f"; the container grants the time of {quota:g}, and more threads than that are slow"
        advice = f"export OMP_NUM_THREADS={max(1, round(quota))}"
        return Finding("processor", "warning", text, advice, facts=facts)
    return Finding("processor", "ok", text, facts=facts)


def _quota() -> float | None:
    """CPU quota of the container in cores; None without a limit."""
    try:
        time, period = _CPU_QUOTA.read_text().split()
        return None if time == "max" else int(time) / int(period)
    except (OSError, ValueError):
        return None


def usable_cores() -> int:
    """Number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor_name() -> str:
    """Name of the processor; the machine's architecture if the system does not report a name."""
    try:
        if sys.platform == "darwin":
            command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        lines = _CPUINFO.read_text().splitlines()
    except (OSError, subprocess.SubprocessError):
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(filter(None, names), "") or platform.processor() or platform.machine()

"""Wall time and peak memory of the whole command, start-up included."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.report import console, print_table
from benchmarks.settings import Pair, Settings

MEASURE = Path(__file__).with_name("measure.py")
SECONDS = {256: 6.0, 512: 12.0, 1024: 75.0}
PEAK = {512: 1.5}  # GB, 2^30 bytes


def run(settings: Settings) -> dict[str, Any]:
    """Half, full and double size; the median of three runs, of the largest one run."""
    pair = settings.chosen()[0]
    sizes = (settings.size // 2, settings.size, settings.size * 2)
    rows = [_measured(settings, pair, size, 1 if size == sizes[-1] else 3) for size in sizes]
    keys = ("size", "seconds", "target_seconds", "peak_gb", "target_peak_gb", "runs", "met")
    print_table(
        f"The whole command, start-up included: impasto paint {pair.name}",
        ("pixels", "seconds", "target", "peak GB", "target", "runs", "met"),
        [[row[key] for key in keys] for row in rows],
    )
    return {"pair": pair.name, "rows": rows}


def _measured(settings: Settings, pair: Pair, size: int, runs: int) -> dict[str, Any]:
    console.print(f"speed: {runs} x {size} pixels", style="dim")
    seen = [command(settings, pair, size) for _ in range(runs)]
    seconds = median(run["seconds"] for run in seen)
    peak = max(run["peak_bytes"] for run in seen) / 2**30
    limits = (SECONDS.get(size), PEAK.get(size))
    checks = [have <= most for have, most in zip((seconds, peak), limits, strict=True) if most is not None]
    return {
        "size": size,
        "seconds": seconds,
        "target_seconds": limits[0],
        "peak_gb": peak,
        "target_peak_gb": limits[1],
        "processor_seconds": median(run["processor_seconds"] for run in seen),
        "all_seconds": [run["seconds"] for run in seen],
        "runs": runs,
        "met": all(checks) if checks else None,
    }


def command(settings: Settings, pair: Pair, size: int) -> dict[str, float]:
    """`impasto paint` with the defaults in a process of its own: seconds, processor_seconds, peak_bytes."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["paint", str(pair.photo), str(pair.style), "-o", f"{folder}/out.png", "--size", str(size)]
        if settings.backbone != type(settings).backbone:
            words += ["--backbone", settings.backbone]
        if settings.iterations:
            words += ["--iterations", str(settings.iterations)]
        return run_command(words)


def run_command(words: Sequence[str]) -> dict[str, float]:
    """`impasto` in a process of its own: seconds, processor_seconds, peak_bytes."""
    done = subprocess.run(
        [sys.executable, "-I", str(MEASURE), sys.executable, "-m", "impasto", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"impasto {' '.join(words)} failed:\n{done.stderr.strip()}")
    measured: dict[str, float] = json.loads(done.stdout)
    return measured

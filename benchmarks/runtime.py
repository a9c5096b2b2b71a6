"""Runtimes and precisions: milliseconds a picture, for the default network and the published one.

Nothing else should run meanwhile. Photos go in and out as float32 tensors, frames as bytes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.report import console, machine, print_table, save_section
from benchmarks.settings import ROOT, SHIPPED_PHOTO
from impasto import networks, styles
from impasto.errors import MissingExtraError
from impasto.imaging import io
from impasto.imaging.geometry import resize
from impasto.networks import StyleNetwork
from impasto.stylizing.runners import difference, make_runner
from impasto.stylizing.runtime import Runner, RuntimeName

STYLE = "starry-night"
SIZES = ((512, 512), (720, 1280))
CHOICES: tuple[tuple[RuntimeName, str], ...] = (
    ("torch", "float32"),
    ("torch", "bfloat16"),
    ("onnxruntime", "float32"),
    ("openvino", "float32"),
    ("openvino", "bfloat16"),
)
TARGETS = {"times_faster": 30, "times_faster_in_the_same_runtime": 8, "levels_off": 2}


@dataclass
class Entry:
    """One network in one runtime and precision; times in milliseconds, by size."""

    network: str
    runtime: RuntimeName
    precision: str
    runner: Runner
    seconds_to_get_ready: float
    levels_off: float | None
    photos: dict[tuple[int, int], list[float]] = field(default_factory=lambda: {size: [] for size in SIZES})
    frames: dict[tuple[int, int], list[float]] = field(default_factory=lambda: {size: [] for size in SIZES})

    def milliseconds(self, size: tuple[int, int]) -> float:
        return median(self.photos[size])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.runtime", description=__doc__)
    parser.add_argument(
        "--rounds", type=int, default=5, help="in which all take turns (default: %(default)s)"
    )
    parser.add_argument(
        "--results", type=Path, default=ROOT / "benchmarks" / "results", help="for runtime.json"
    )
    given = parser.parse_args(arguments)
    console.print(", ".join(f"{name} {value}" for name, value in machine().items()))
    photo = io.read(SHIPPED_PHOTO)[0][None]
    entries = [entry for name in ("light", "transformer_net") for entry in _prepare(name, photo)]
    for number in range(given.rounds):
        for entry in entries:
            _take_turn(entry, photo)
        console.print(f"round {number + 1} of {given.rounds}", style="dim")
    rows = _compare(entries)
    _print(rows)
    result = {"style": STYLE, "rounds": given.rounds, "rows": rows, "targets": TARGETS}
    written = save_section(given.results / "runtime.json", "runtimes", result)
    console.print(f"written: {written}", style="dim")


def _prepare(name: str, photo: Tensor) -> list[Entry]:
    """All that is installed. Only the default network comes with a style, whose pictures can be compared."""
    entries = []
    exact = _network(name)(resize(photo, SIZES[0])) if name == "light" else None
    for runtime, precision in CHOICES:
        network, dtype = _network(name), getattr(torch, precision)
        started = perf_counter()
        try:
            runner, _ = make_runner(network, runtime, torch.device("cpu"), dtype)
        except MissingExtraError as error:
            console.print(f"skipped: {error}")
            continue
        seconds = perf_counter() - started
        network.to(dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
        off = None if exact is None else 255 * difference(runner(resize(photo, SIZES[0])), exact)
        entries.append(Entry(name, runtime, precision, runner, seconds, off))
    return entries


def _network(name: str) -> StyleNetwork:
    return (
        styles.load(STYLE).build() if name == "light" else networks.build(name).requires_grad_(False).eval()
    )


def _take_turn(entry: Entry, photo: Tensor) -> None:
    runs = 10 if entry.network == "light" else 1
    for size in SIZES:
        image = resize(photo, size)
        frame = np.ascontiguousarray((image[0].permute(1, 2, 0) * 255).round().byte().numpy())
        entry.photos[size].append(_milliseconds(entry.runner, image, runs))
        entry.frames[size].append(_milliseconds(entry.runner.frame, frame, runs))


def _milliseconds(paint: Callable[[Any], Any], image: Any, runs: int) -> float:
    """The median, after a run that does not count, and may compile."""
    seconds = []
    for _ in range(runs + 1):
        started = perf_counter()
        paint(image)
        seconds.append(perf_counter() - started)
    return 1e3 * median(seconds[1:])


def _compare(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    published = {(e.runtime, e.precision): e.milliseconds(SIZES[0]) for e in entries if e.network != "light"}
    rows = []
    for entry in entries:
        ours = entry.milliseconds(SIZES[0])
        row: dict[str, Any] = {
            "network": entry.network,
            "runtime": entry.runtime,
            "precision": entry.precision,
        }
        for height, width in SIZES:
            row[f"photo_{width}x{height}_ms"] = entry.milliseconds((height, width))
            row[f"frame_{width}x{height}_ms"] = median(entry.frames[height, width])
        row["times_faster"] = published["torch", "float32"] / ours
        row["times_faster_in_the_same_runtime"] = published[entry.runtime, entry.precision] / ours
        row["levels_off"] = entry.levels_off
        row["seconds_to_get_ready"] = entry.seconds_to_get_ready
        rows.append(row)
    return rows


def _print(rows: Sequence[dict[str, Any]]) -> None:
    sizes = [f"{what} {width} x {height}, ms" for height, width in SIZES for what in ("photo", "frame")]
    print_table(
        "Style networks by runtime",
        ("network", "runtime", "precision", *sizes, "times", "same runtime", "levels off", "ready, s"),
        [list(row.values()) for row in rows],
        note="times faster than transformer_net in PyTorch, float32, and in the same runtime and precision; "
        f"levels off: 95th percentile of the difference to PyTorch, float32, of 255, in {STYLE}",
    )


if __name__ == "__main__":
    main()

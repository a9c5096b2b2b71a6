"""Seconds a picture: the shipped network, the published one, and how both grow with the picture."""

from __future__ import annotations

import tempfile
from copy import deepcopy
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import torch

from benchmarks.report import console, print_table
from benchmarks.settings import SHIPPED_PHOTO
from benchmarks.speed import run_command
from impasto import networks, styles
from impasto.device import resolve_precision

if TYPE_CHECKING:
    from benchmarks.stylize import StyleSettings

SIDES = (512, 1024, 2048, 4096)
TARGETS = {"times_faster": 12, "float32_ms": 65, "fastest_ms": 40, "peak_mb_at_1024": 400}


def run(settings: StyleSettings) -> dict[str, Any]:
    light = networks.build("light")
    ours, theirs = _in_turns(torch.float32)
    fastest = resolve_precision("auto", torch.device("cpu"))
    ours_fast, theirs_fast = _in_turns(fastest)
    sides = {side: _milliseconds(light, side, torch.float32, 15 if side < 2048 else 3) for side in SIDES}
    memory = {side: _peak(settings, side) for side in (512, 1024)}
    result = {
        "parameters": sum(p.numel() for p in light.parameters()),
        "light_float32_ms": ours,
        "light_fastest_ms": ours_fast,
        "fastest": str(fastest).removeprefix("torch."),
        "transformer_net_float32_ms": theirs,
        "transformer_net_fastest_ms": theirs_fast,
        "times_faster": theirs / ours,
        "ns_per_pixel": {side: 1e6 * ms / side**2 for side, ms in sides.items()},
        "peak_mb": memory,
        "targets": TARGETS,
    }
    rows = [[name, value] for name, value in result.items() if not isinstance(value, dict)]
    rows += [[f"ns per pixel, {side} x {side}", value] for side, value in result["ns_per_pixel"].items()]
    rows += [[f"peak MB of the command, {side} x {side}", value] for side, value in memory.items()]
    print_table("One picture of 512 x 512, random weights, plain PyTorch", ("what", "measured"), rows)
    return result


def _in_turns(dtype: torch.dtype, rounds: int = 5) -> tuple[float, float]:
    """The medians of the default network and the published one, in turns: the machine's mood is for both."""
    turns = [
        (
            _milliseconds(networks.build("light"), 512, dtype, 10),
            _milliseconds(networks.build("transformer_net"), 512, dtype, 1),
        )
        for _ in range(rounds)
    ]
    ours, theirs = zip(*turns, strict=True)
    return median(ours), median(theirs)


@torch.inference_mode()
def _milliseconds(network: torch.nn.Module, side: int, dtype: torch.dtype, runs: int) -> float:
    """The median, of a square picture, after two runs that do not count."""
    network = deepcopy(network).eval().to(dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
    image = torch.rand(1, 3, side, side).to(dtype, memory_format=torch.channels_last)
    seconds = []
    for _ in range(runs + 2):
        started = perf_counter()
        network(image)
        seconds.append(perf_counter() - started)
    return 1e3 * median(seconds[2:])


def _peak(settings: StyleSettings, side: int) -> float:
    """Megabytes (10^6 bytes) of `impasto stylize` on a square photo."""
    from PIL import Image

    style = (settings.styles or tuple(styles.cards()))[0]
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder, "photo.png")
        with Image.open(SHIPPED_PHOTO) as picture:
            picture.convert("RGB").resize((side, side)).save(photo)
        words = ["stylize", str(photo), "-o", f"{folder}/out.png", "--style", style]
        measured = run_command(words)
    console.print(f"speed: {side} pixels took the command {measured['seconds']:.1f} s", style="dim")
    return measured["peak_bytes"] / 1e6

"""Milliseconds to encode a style, from its file, and to paint a photo in it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from benchmarks.any_style_methods import Method, Painter, read, variants
from benchmarks.any_style_pictures import paintings
from benchmarks.report import console, print_table
from benchmarks.settings import SHIPPED_PHOTO
from impasto.device import resolve_precision
from impasto.imaging.geometry import resize
from impasto.stylizing import Stylizer

if TYPE_CHECKING:
    from benchmarks.any_style import AnyStyleSettings

ROUNDS = 5
RUNS = 5  # pictures a turn
TARGETS = {"ours_picture_ms": 150}


def run(settings: AnyStyleSettings) -> dict[str, Any]:
    methods: dict[str, Method] = {}
    if "ours" in settings.methods:
        methods = {"ours": lambda style: Stylizer(style).picture}
        methods["ours, PyTorch"] = lambda style: Stylizer(style, runtime="torch").picture
    for name in ("wct", "adain"):
        if name in settings.methods:
            methods[name] = _as_precise(list(variants(name, settings).values())[-1])
    turns: dict[str, list[tuple[float, float]]] = {name: [] for name in methods}
    for number, style in enumerate(paintings(settings.reference, ROUNDS + 1)):
        for name, method in methods.items():
            turns[name].append(_turn(method, style, settings.size))
        console.print(f"round {number} of {ROUNDS}", style="dim")
    times = {
        name: {"encode_ms": median(t[0] for t in own[1:]), "picture_ms": median(t[1] for t in own[1:])}
        for name, own in turns.items()  # but for the first round, which loads and compiles
    }
    print_table(
        f"A picture of {settings.size} x {settings.size}",
        ("method", "encode a style, ms", "a picture, ms"),
        [[name, *row.values()] for name, row in times.items()],
        note="target: 150 ms a picture",
    )
    return {"size": settings.size, "precision": str(_precision()), "targets": TARGETS, "times": times}


def _turn(method: Method, style: Path, size: int) -> tuple[float, float]:
    """Of one style: milliseconds to encode it, and the median of its pictures."""
    photo = resize(read(SHIPPED_PHOTO, size), (size, size))
    with torch.inference_mode():
        marks = [perf_counter()]
        painter = method(style)
        marks.append(perf_counter())
        for _ in range(RUNS):
            painter(photo)
            marks.append(perf_counter())
    spans = [1e3 * (end - start) for start, end in pairwise(marks)]
    return spans[0], median(spans[1:])


def _as_precise(method: Method) -> Method:
    """A published method in the precision that ours runs in."""

    def encode(style: Path) -> Painter:
        painter = method(style)

        def paint(photo: Tensor) -> Tensor:
            with torch.autocast("cpu", torch.bfloat16, enabled=_precision() == torch.bfloat16):
                return painter(photo)

        return paint

    return encode


def _precision() -> torch.dtype:
    return resolve_precision("auto", torch.device("cpu"))

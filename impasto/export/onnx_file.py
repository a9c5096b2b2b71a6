"""Export a style as an ONNX model, check the model against PyTorch, and lower its precision on request."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import torch
from torch import Tensor
from torch.export import Dim

from impasto.errors import ExportError
from impasto.export.graph import Graph, GraphParts
from impasto.export.options import ExportOptions
from impasto.export.quality import LIMITS, Quality, check, compare, read_photos, shaped, trials
from impasto.networks import onnx
from impasto.networks.card import Card

Tell = Callable[[str], None]

_EXAMPLE = (2, 3, 75, 101)
_SIZES = {0: Dim("batch"), 2: Dim("height"), 3: Dim("width")}
_TURNS = 5


@dataclass(frozen=True)
class Model:
    """ONNX model with the results of its checks.

    Attributes:
        difference: largest difference from PyTorch, on odd sizes; None if precision was lowered.
        quality: quality loss of lower precision; None in float32.
        speed: for int8, speed relative to float32 in this machine's ONNX Runtime; else None.
    """

    data: bytes
    difference: float | None = None
    quality: Quality | None = None
    speed: float | None = None


def make(
    parts: GraphParts, photo: float, cards: Sequence[tuple[Card, float]], options: ExportOptions, tell: Tell
) -> Model:
    """Make the ONNX model of networks with their shares and of the photo's share.

    Args:
        cards: styles, with their shares, that the quality is measured for.
        tell: called with a description of each stage.

    Raises:
        ExportError: the model differs from PyTorch, or loses too much quality.
        MissingExtraError: ONNX, ONNX Script or ONNX Runtime is not installed.
        ImageError, UsageError: no photos at the paths in the options.
    """
    with onnx.required("export", "Exporting to ONNX"):
        onnx.check_libraries()
        photos = read_photos(options.photos) if options.precision != "float32" else []
        graph = Graph(parts, photo)
        tell("exporting")
        if options.precision == "float16":
            half = onnx.write(Graph(parts, photo, torch.float16), torch.zeros(_EXAMPLE), _SIZES)
            return Model(half, quality=_judge(half, graph, photos, cards, options, tell))
        whole = onnx.write(graph, torch.zeros(_EXAMPLE), _SIZES)
        tell("comparing with PyTorch")
        difference = check(_painter(whole), graph, "ONNX")
        if options.precision == "float32":
            return Model(whole, difference)
        tell("calibrating")
        small = onnx.quantize(whole, photos)
        quality = _judge(small, graph, photos, cards, options, tell)
        return Model(small, quality=quality, speed=_faster(small, whole, photos[0]))


def _judge(
    model: bytes,
    graph: Graph,
    photos: Sequence[Tensor],
    cards: Sequence[tuple[Card, float]],
    options: ExportOptions,
    tell: Tell,
) -> Quality:
    """Measure a model's quality. Raises ExportError if it fails on some size, or loses too much quality."""
    tell("measuring the quality")
    paint = _painter(model)
    for image in trials():
        shaped(paint, image, "ONNX")
    quality = compare(paint, graph, photos, cards)
    limit = LIMITS[options.precision]
    if not quality.psnr >= limit:
        raise ExportError(
            f"in {options.precision} the pictures are {quality.psnr:.1f} dB from those of float32, and at "
            f"least {limit:g} dB is needed; nothing was written: give more photos, or choose float32"
        )
    return quality


def _painter(model: bytes) -> Callable[[Tensor], Tensor]:
    return partial(onnx.run, onnx.start(model))


def _faster(one: bytes, other: bytes, photo: Tensor) -> float:
    """Speed of a model relative to another, measured alternately."""
    sessions = [onnx.start(model) for model in (one, other)]
    times: tuple[list[float], list[float]] = ([], [])
    for session in sessions:
        _seconds(session, photo)  # warm-up
    for _ in range(_TURNS):
        for session, seconds in zip(sessions, times, strict=True):
            seconds.append(_seconds(session, photo))
    return median(times[1]) / median(times[0])


def _seconds(session: Any, photo: Tensor) -> float:
    started = time.perf_counter()
    onnx.run(session, photo)
    return time.perf_counter() - started

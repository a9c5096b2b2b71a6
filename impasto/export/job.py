"""Run an export: load styles, make and check the model, and move the result into place."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from os import PathLike
from pathlib import Path

from impasto.errors import UsageError
from impasto.export import onnx_file
from impasto.export.graph import Graph, GraphParts, load_torchscript, write_torchscript
from impasto.export.onnx_file import Model, Tell
from impasto.export.options import SUFFIXES, ExportOptions
from impasto.export.quality import Quality, check
from impasto.export.web import folder
from impasto.imaging.files import check_target, replacing
from impasto.networks import onnx
from impasto.networks.card import Card
from impasto.styles.mixture import Styles, load_styles, mix


@dataclass(frozen=True)
class Report:
    """Report of an export.

    Attributes:
        out: file or folder that was written.
        size: size of the network's file, in bytes.
        seconds: duration of the export.
        difference: largest difference from PyTorch, on odd sizes; None if precision was lowered.
        quality: quality loss of lower precision; None in float32.
        speed: for int8, speed relative to float32 in this machine's ONNX Runtime; else None.
        opset: opset of an ONNX model; None for other formats.
        notes: sentences to show to the user.
    """

    out: Path
    size: int
    seconds: float
    difference: float | None
    quality: Quality | None
    speed: float | None
    opset: int | None
    notes: tuple[str, ...]


def export(
    style: Styles,
    out: str | PathLike[str],
    options: ExportOptions | None = None,
    tell: Tell = lambda doing: None,
) -> Report:
    """Export a style, or a mixture of styles, for other programs.

    Args:
        style: as for `stylizing.Stylizer`: a shipped name, a file, a `Card`, or several with weights.
        out: an .onnx file, a .pt file, or, for a web page, a folder.
        tell: called with a description of each stage.

    Raises:
        UsageError, WeightsError, ImageError: an unknown style or photo, or an output that cannot be written.
        ExportError: the result differs from PyTorch's; no files are left in this case.
        MissingExtraError: a library is not installed.

    >>> export("starry-night:0.6 great-wave:0.4".split(), "between.onnx").size
    """
    options, out = options or ExportOptions(), Path(out)
    check_output(out, options)
    started = time.monotonic()
    cards = load_styles(style)
    mixture = mix(cards, options.strength)
    if not mixture.parts:
        raise UsageError(
            "strength must be above 0: at 0 the result is the photo, and there is nothing to export"
        )
    parts = [(card.build(), share) for card, share in mixture.parts]
    properties = _properties(cards, options)
    if options.to == "torchscript":
        model = _torchscript(parts, mixture.photo, properties, tell)
    else:
        model = onnx_file.make(parts, mixture.photo, cards, options, tell)
        described = onnx.describe(model.data, version("impasto"), properties)
        model = Model(described, model.difference, model.quality, model.speed)
    if options.to == "web":
        folder.write(out, model.data, properties, options, tell)
    else:
        with replacing(out) as temporary:
            temporary.write_bytes(model.data)
    return Report(
        out=out,
        size=len(model.data),
        seconds=time.monotonic() - started,
        difference=model.difference,
        quality=model.quality,
        speed=model.speed,
        opset=None if options.to == "torchscript" else onnx.OPSET,
        notes=mixture.notes,
    )


def check_output(out: Path, options: ExportOptions) -> None:
    """Raise UsageError or ImageError if the output cannot be written or exists, before the export starts."""
    if options.to == "web":
        folder.check(out, options)
        return
    suffixes = SUFFIXES[options.to]
    if check_target(out).suffix not in suffixes:
        raise UsageError(f"{out} must end in {' or '.join(suffixes)}, or to= must name another target")
    if out.exists() and not options.overwrite:
        raise UsageError(f"{out} exists: name another file, or replace it with overwrite=True")


def _torchscript(parts: GraphParts, photo: float, properties: dict[str, str], tell: Tell) -> Model:
    graph = Graph(parts, photo)
    tell("exporting")
    data = write_torchscript(graph, properties)
    tell("comparing with PyTorch")
    return Model(data, check(load_torchscript(data), graph, "TorchScript"))


def _properties(cards: Sequence[tuple[Card, float]], options: ExportOptions) -> dict[str, str]:
    """Metadata of an exported file; several styles are joined in their order."""
    names = [card.style or card.network for card, _ in cards]
    shares = [f"{name}:{share:.4g}" for name, (_, share) in zip(names, cards, strict=True)]
    told = {
        "style": names[0] if len(names) == 1 else " ".join(shares),
        "strength": f"{options.strength:g}",
        "precision": options.precision,
        "impasto": version("impasto"),
        "image": "(N, 3, H, W) float32 sRGB in [0, 1], of any size",
        "picture": "the same",
    }
    for name in ("title", "artist", "year", "licence", "origin"):
        found = dict.fromkeys(getattr(card, name) for card, _ in cards if getattr(card, name))
        told |= {name: "; ".join(found)} if found else {}
    return told

"""`impasto webcam`: what can be asked for, and the keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from impasto.cli.completion import style_names
from impasto.cli.controls import FLAGS, Mask
from impasto.cli.error_handling import explained
from impasto.cli.flags import EXPERT, HelpAll, panel, with_flags
from impasto.device import DeviceName, PrecisionName
from impasto.stylizing.controls import StyleControls

# what each key does; the names are those of the keys in Tk, in lower case
KEYS = {
    "next style": ("right", "n"),
    "style before": ("left", "p"),
    "stronger": ("up",),
    "weaker": ("down",),
    "picture / side by side / photo": ("space",),
    "mirror": ("m",),
    "steady": ("s",),
    "record": ("r",),
    "save a picture": ("c",),
    "quit": ("q", "escape"),
}
KEYS_IN_WORDS = "; ".join(f"{' or '.join(keys)}: {what}" for what, keys in KEYS.items())


@dataclass(frozen=True)
class WebcamTask:
    """One call of the command."""

    style: str
    camera: str = "0"
    strength: float = 1.0
    size: int = 640
    steady: bool = True
    record: Path | None = None
    mask: Path | None = None
    handles: StyleControls = field(default_factory=StyleControls)
    window: bool = True
    runtime: str = "auto"
    device: DeviceName = "auto"
    precision: PrecisionName = "auto"
    quiet: bool = False


@explained()
@with_flags(StyleControls, FLAGS, "handles")
def webcam(
    *,
    style: Annotated[
        str,
        typer.Option(
            metavar="STYLE",
            autocompletion=style_names,
            help="The first one: a name, any picture, or a card's file.",
        ),
    ],
    camera: Annotated[
        str, typer.Option(metavar="CAMERA", help="Its number, or a clip that plays as if it were one.")
    ] = WebcamTask.camera,
    strength: Annotated[
        float, typer.Option(metavar="NUMBER", help="0 keeps the photo, 1 is all style.")
    ] = WebcamTask.strength,
    handles: Mapping[str, Any],
    mask: Mask = WebcamTask.mask,
    size: Annotated[
        int, typer.Option(metavar="PIXELS", min=16, max=4096, help="Long side of the pictures.")
    ] = WebcamTask.size,
    steady: Annotated[
        bool, typer.Option(metavar=" ", help="Hold strokes where they are, against flicker.")
    ] = WebcamTask.steady,
    record: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Record to this video from the start.")
    ] = WebcamTask.record,
    window: Annotated[
        bool, typer.Option(metavar=" ", help="Without one, record until Ctrl-C.")
    ] = WebcamTask.window,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", metavar=" ", help="Print nothing but errors.")
    ] = WebcamTask.quiet,
    help_all: HelpAll = False,
    runtime: Annotated[
        str, typer.Option(metavar="auto|torch|openvino|onnxruntime", help="What computes.", **panel(EXPERT))
    ] = WebcamTask.runtime,
    device: Annotated[
        str, typer.Option(metavar="auto|cpu|cuda|mps|xpu", help="Where to compute.", **panel(EXPERT))
    ] = WebcamTask.device,
    precision: Annotated[
        str, typer.Option(metavar="auto|float32|bfloat16", help="Of the network.", **panel(EXPERT))
    ] = WebcamTask.precision,
) -> None:
    """Look into the camera through a style, in a window."""
    task = WebcamTask(
        style=style,
        camera=camera,
        strength=strength,
        size=size,
        steady=steady,
        record=record,
        mask=mask,
        handles=StyleControls(**handles),
        window=window,
        runtime=runtime,
        device=device,  # type: ignore[arg-type]  # checked by the stylizer
        precision=precision,  # type: ignore[arg-type]
        quiet=quiet,
    )
    from impasto.cli.webcam_run import run  # brings torch, which --help need not wait for

    run(task)

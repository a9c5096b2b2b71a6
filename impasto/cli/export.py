"""`impasto export`: what can be asked for, and how it is written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from impasto.cli.completion import style_names
from impasto.cli.error_handling import explained
from impasto.export.options import ExportOptions


@explained()
def export(
    *,
    style: Annotated[
        list[str],
        typer.Argument(
            metavar="STYLE...",
            autocompletion=style_names,
            help="A name, a card's file or any picture, perhaps several: starry-night:0.6 great-wave:0.4.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="OUT", help="A file .onnx or .pt; of a page, a folder.")
    ],
    to: Annotated[
        str, typer.Option(metavar="onnx|torchscript|web", help="What it is for.")
    ] = ExportOptions.to,
    precision: Annotated[
        str,
        typer.Option(metavar="float32|float16|int8", help="Weight precision; its loss is reported."),
    ] = ExportOptions.precision,
    strength: Annotated[
        float, typer.Option(metavar="NUMBER", help="Towards 0 it keeps the photo, 1 is all style.")
    ] = ExportOptions.strength,
    photos: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="Photos to calibrate int8 on, and to measure the cost with."),
    ] = None,
    runtime_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The files of onnxruntime-web [dim](fetched once by npm)[/dim]"),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", metavar=" ", help="Replace what is there.")
    ] = ExportOptions.overwrite,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", metavar=" ", help="Print nothing but errors.")
    ] = False,
) -> None:
    """Write a style for other programs: ONNX, TorchScript, or a web page that needs no server."""
    options = ExportOptions(
        to=to,  # type: ignore[arg-type]  # checked there
        precision=precision,  # type: ignore[arg-type]
        strength=strength,
        photos=tuple(photos or ()),
        runtime_dir=runtime_dir,
        overwrite=overwrite,
    )
    from impasto.cli.export_run import run  # brings torch, which --help need not wait for

    run(tuple(style), out, options, quiet=quiet)

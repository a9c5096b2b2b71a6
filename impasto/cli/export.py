"""`impasto export`: a style as a file for other programs."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from impasto.cli.display import counted, progress, say, warn
from impasto.cli.error_handling import explained
from impasto.cli.flags import QuietFlag, style_names
from impasto.export.options import ExportOptions

if TYPE_CHECKING:
    from impasto.export.job import Report
    from impasto.export.quality import Quality

_STAGES = 5  # at most, of an export


@explained()
def export(
    *,
    style: Annotated[
        list[str],
        typer.Argument(
            metavar="STYLE...",
            autocompletion=style_names,
            help="Style name, card file or picture; several with weights: starry-night:0.6 great-wave:0.4.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="OUT", help="Output file, .onnx or .pt; for web, a folder.")
    ],
    to: Annotated[
        str, typer.Option(metavar="onnx|torchscript|web", help="Target format.")
    ] = ExportOptions.to,
    precision: Annotated[
        str,
        typer.Option(
            metavar="float32|float16|int8", help="Weight precision; the loss of quality is reported."
        ),
    ] = ExportOptions.precision,
    strength: Annotated[
        float, typer.Option(metavar="NUMBER", help="Style strength, above 0 (photo) to 1.")
    ] = ExportOptions.strength,
    photos: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="Photos to calibrate int8 and measure the quality; repeatable."),
    ] = None,
    runtime_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of onnxruntime-web [dim](fetched once by npm)[/dim]"),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", metavar=" ", help="Replace output that exists.")
    ] = ExportOptions.overwrite,
    quiet: QuietFlag = False,
) -> None:
    """Export a style for other programs: ONNX, TorchScript, or a static web page."""
    options = ExportOptions(
        to=to,  # type: ignore[arg-type]  # checked there
        precision=precision,  # type: ignore[arg-type]
        strength=strength,
        photos=tuple(photos or ()),
        runtime_dir=runtime_dir,
        overwrite=overwrite,
    )
    from impasto.export.job import export as write_export  # brings torch, which --help need not wait for

    with progress(quiet, clock=False) as show:
        stages: list[str] = []

        def tell(doing: str) -> None:
            show(len(stages) / _STAGES, doing, "")
            stages.append(doing)

        report = write_export(style, out, options, tell)
    if not quiet:
        _report(report, options)


def _report(report: Report, options: ExportOptions) -> None:
    for note in report.notes:
        warn(note)
    say(_summary(report, options))
    if report.quality:
        say(_cost(report.quality, report.speed, options))
    if options.to == "web":
        place = shlex.quote(str(report.out))
        say(f"try it: python -m http.server --directory {place}, and open http://localhost:8000")


def _summary(report: Report, options: ExportOptions) -> str:
    parts = [f"{report.size / 1e6:.2f} MB", options.precision]
    parts += [f"opset {report.opset}"] if report.opset else []
    parts += ["batch, height and width free", f"made in {report.seconds:.0f} s"]
    if report.difference is not None:
        parts.append(f"at most {report.difference:.1g} from PyTorch on odd sizes")
    return f"{report.out}: {', '.join(parts)}"


def _cost(quality: Quality, speed: float | None, options: ExportOptions) -> str:
    of = "" if quality.of_work else " from float32's pictures"
    parts = [
        f"{quality.psnr:.1f} dB from float32, {quality.worst:.1f} dB at worst",
        f"style error{of} {quality.style[0]:.4f} to {quality.style[1]:.4f}",
        f"content error {quality.content[0]:.4f} to {quality.content[1]:.4f}",
    ]
    parts += [f"{speed:.1f} times as fast here"] if speed else []
    return f"quality of {options.precision} on {counted(quality.photos, 'photo')}: {'; '.join(parts)}"

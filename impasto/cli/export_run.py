"""`impasto export` at work: everything behind the command line that needs torch."""

from __future__ import annotations

import shlex
from pathlib import Path

from impasto.cli.display import counted, progress, say, warn
from impasto.export.job import Report, export
from impasto.export.options import ExportOptions
from impasto.export.quality import Quality

_STAGES = 5  # at most, of an export


def run(styles: tuple[str, ...], out: Path, options: ExportOptions, *, quiet: bool) -> None:
    """Export, and tell what came of it; raises what `explained` explains."""
    with progress(quiet, clock=False) as show:
        stages: list[str] = []

        def tell(doing: str) -> None:
            show(len(stages) / _STAGES, doing, "")
            stages.append(doing)

        report = export(list(styles), out, options, tell)
    if quiet:
        return
    for note in report.notes:
        warn(note)
    say(_summary(report, options))
    if report.quality:
        say(_cost(report.quality, report.speed, options))
    if options.to == "web":
        place = shlex.quote(str(out))
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
    return f"what {options.precision} costs on {counted(quality.photos, 'photo')}: {'; '.join(parts)}"

"""How fast and how good painting is: tables here, numbers and plots in benchmarks/results.

speed      the whole command at three sizes: wall time and peak memory
gradients  seconds per gradient beside VGG-19, and the published `shallow` schedule, extrapolated
quality    style and content by the reference judge, with the compact backbone, its teacher, exact features
curve      coarse to fine against a single scale

Nothing else should run meanwhile. Pictures and their scores are kept in out/benchmarks: a run that was
interrupted goes on from there. Without the reference folder (weights, data, judge) the shipped pictures
serve, and quality is skipped.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import fields
from importlib import import_module
from pathlib import Path

from benchmarks.report import console, machine, save_section
from benchmarks.settings import Settings

SECTIONS = ("speed", "gradients", "quality", "curve")


def main(arguments: Sequence[str] | None = None) -> None:
    given = _parser().parse_args(arguments)
    settings = Settings(**{field.name: getattr(given, field.name) for field in fields(Settings)})
    console.print(", ".join(f"{name} {value}" for name, value in machine().items()))
    for section in given.only:
        if section == "quality" and not (settings.reference / "judge").is_dir():
            console.print(f"quality: skipped, there is no judge in {settings.reference}")
            continue
        console.rule(section)
        result = import_module(f"benchmarks.{section}").run(settings)
        written = save_section(settings.results / "paint.json", section, result)
        console.print(f"written: {written}", style="dim")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.paint",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--only", nargs="+", choices=SECTIONS, default=SECTIONS, help="sections to run (default: all)")
    add("--size", type=int, default=Settings.size, help="pixels (default: %(default)s)")
    add("--pairs", type=int, default=Settings.pairs, help="of the list (default: %(default)s)")
    add("--exact", choices=("none", "default", "all"), default=Settings.exact,
        help="strengths painted with exact features, some minutes each (default: %(default)s)")  # fmt: skip
    add("--iterations", type=int, help="in place of the default; for trials")
    add("--backbone", default=Settings.backbone, help="in place of compact; a name or file")
    add("--reference", type=Path, default=Settings.reference, help="weights, data and judge")
    add("--results", type=Path, default=Settings.results, help="for paint.json and the plots")
    add("--pictures", type=Path, default=Settings.pictures, help="for paintings and the contact sheet")
    return parser


if __name__ == "__main__":
    main()

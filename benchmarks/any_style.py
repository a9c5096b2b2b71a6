"""Any style in one pass: our network beside whitening and colouring and AdaIN; results in benchmarks/results.

quality   style and content by the reference judge: photos and paintings that no training saw
speed     milliseconds to encode a style and to paint 512 x 512 pixels; nothing else should run meanwhile

`python -m benchmarks.any_style_baselines train` trains the two others; the photo and the style picture
themselves are controls. The reference folder (data, judge) is needed.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

from benchmarks.any_style_baselines import WEIGHTS
from benchmarks.any_style_methods import METHODS, missing
from benchmarks.report import console, machine, save_section
from benchmarks.settings import REFERENCE, ROOT

SECTIONS = ("quality", "speed")


@dataclass(frozen=True)
class AnyStyleSettings:
    """What the command line asked for."""

    methods: tuple[str, ...] = METHODS
    photos: int = 20
    styles: int = 20
    size: int = 512  # long side, pixels
    reference: Path = REFERENCE
    weights: Path = WEIGHTS
    results: Path = ROOT / "benchmarks" / "results"
    pictures: Path = ROOT / "out" / "benchmarks"


def main(arguments: Sequence[str] | None = None) -> None:
    given = vars(_parser().parse_args(arguments))
    only = given.pop("only")
    settings = AnyStyleSettings(**{name: tuple(v) if isinstance(v, list) else v for name, v in given.items()})
    if not (settings.reference / "judge").is_dir():
        console.print(f"skipped: there is no judge in {settings.reference}")
        return
    reasons = {name: missing(name, settings) for name in settings.methods}
    for name, reason in reasons.items():
        if reason:
            console.print(f"{name}: skipped: {reason}")
    settings = replace(settings, methods=tuple(name for name, reason in reasons.items() if not reason))
    console.print(", ".join(f"{name} {value}" for name, value in machine().items()))
    for section in only:
        console.rule(section)
        result = import_module(f"benchmarks.any_style_{section}").run(settings)
        part = section if len(settings.methods) > 1 else f"{section} of {settings.methods[0]}"
        written = save_section(settings.results / "any_style.json", part, result)
        console.print(f"written: {written}", style="dim")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.any_style",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add, default = parser.add_argument, AnyStyleSettings
    add("--only", nargs="+", choices=SECTIONS, default=SECTIONS, help="sections to run (default: all)")
    add("--methods", nargs="+", choices=METHODS, default=METHODS, help="to compare (default: all)")
    add("--photos", type=int, default=default.photos, help="how many, at most 100 (default: %(default)s)")
    add("--styles", type=int, default=default.styles, help="how many paintings (default: %(default)s)")
    add("--size", type=int, default=default.size, help="long side in pixels (default: %(default)s)")
    add("--reference", type=Path, default=default.reference, help="data and judge")
    add("--weights", type=Path, default=default.weights, help="of the trained decoders")
    add("--results", type=Path, default=default.results, help="for any_style.json and the plot")
    add("--pictures", type=Path, default=default.pictures, help="for the contact sheet")
    return parser


if __name__ == "__main__":
    main()

"""Style networks: how fast, how good, how soon learned; numbers and plots in benchmarks/results.

speed     milliseconds a picture, beside the published network, and by size; peak memory of the whole command
quality   style and content by the reference judge: twenty photos in every shipped style
learning  time to an equal loss, from primed and from random weights, of two trainings named by --trainings

Nothing else should run meanwhile. Without the reference folder (data, judge) quality is skipped.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from benchmarks.report import console, machine, save_section
from benchmarks.settings import REFERENCE, ROOT

SECTIONS = ("speed", "quality", "learning")


@dataclass(frozen=True)
class StyleSettings:
    """What the command line asked for."""

    styles: tuple[str, ...] = ()  # names or cards; empty takes all that ship
    photos: int = 20
    size: int = 512  # long side, pixels
    trainings: tuple[Path, ...] = ()  # folders: primed, random
    reference: Path = REFERENCE
    results: Path = ROOT / "benchmarks" / "results"
    pictures: Path = ROOT / "out" / "benchmarks"


def main(arguments: Sequence[str] | None = None) -> None:
    given = vars(_parser().parse_args(arguments))
    only = given.pop("only")
    settings = StyleSettings(**{name: tuple(v) if isinstance(v, list) else v for name, v in given.items()})
    console.print(", ".join(f"{name} {value}" for name, value in machine().items()))
    for section in only:
        if section == "quality" and not (settings.reference / "judge").is_dir():
            console.print(f"quality: skipped, there is no judge in {settings.reference}")
            continue
        if section == "learning" and not settings.trainings:
            console.print("learning: skipped, as --trainings names none")
            continue
        console.rule(section)
        result = import_module(f"benchmarks.stylize_{section}").run(settings)
        written = save_section(settings.results / "stylize.json", section, result)
        console.print(f"written: {written}", style="dim")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.stylize",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--only", nargs="+", choices=SECTIONS, default=SECTIONS, help="sections to run (default: all)")
    add("--styles", nargs="+", default=[], help="names or cards (default: all that ship)")
    add("--photos", type=int, default=StyleSettings.photos, help="how many (default: %(default)s)")
    add("--size", type=int, default=StyleSettings.size, help="long side in pixels (default: %(default)s)")
    add("--trainings", nargs=2, type=Path, default=[], metavar=("PRIMED", "RANDOM"),
        help="folders that impasto train left beside its cards")  # fmt: skip
    add("--reference", type=Path, default=StyleSettings.reference, help="data and judge")
    add("--results", type=Path, default=StyleSettings.results, help="for stylize.json and the plots")
    add("--pictures", type=Path, default=StyleSettings.pictures, help="for stylized photos")
    return parser


if __name__ == "__main__":
    main()

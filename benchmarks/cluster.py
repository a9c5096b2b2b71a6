"""Photos a second by one process, local processes and Ray actors, in one run; start-up is told apart.

Nothing else should run meanwhile. Each crew makes all pictures anew; the seconds until its first answer are
those of starting up, and the rate is that of the answers after it.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from PIL import Image

from benchmarks.report import console, machine, print_table, save_section
from benchmarks.settings import ROOT, SHIPPED_PHOTO
from impasto.styles.mixture import load_styles
from impasto.stylizing import BulkOptions, Stylizer
from impasto.stylizing.batch.dispatcher import CompletedItems, Dispatcher
from impasto.stylizing.batch.inputs import collect_work_items
from impasto.stylizing.batch.pipeline import Event
from impasto.stylizing.batch.pools import ProcessPool, SerialPool, WorkerPool, processors
from impasto.stylizing.batch.ray_pool import RayPool, is_installed
from impasto.stylizing.batch.workers import StylizerConfig, Task

STYLE = "starry-night"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster", description=__doc__)
    add = parser.add_argument
    add("--photos", type=int, default=1000, help="how many (default: %(default)s)")
    add("--size", type=int, default=512, help="long side in pixels (default: %(default)s)")
    add("--workers", type=int, nargs="+", default=[1, 2], help="how many, in turn (default: 1 2)")
    add("--results", type=Path, default=ROOT / "benchmarks" / "results", help="for cluster.json")
    given = parser.parse_args(arguments)
    console.print(", ".join(f"{name} {value}" for name, value in machine().items()))
    with tempfile.TemporaryDirectory() as folder:
        photos = _write_photos(Path(folder, "photos"), given.photos, given.size)
        rows = [
            _measured(name, crew, size, photos, Path(folder, f"out-{number}"))
            for number, (name, crew, size) in enumerate(_crews(given.workers))
        ]
    columns = ("crew", "workers", "threads", "seconds", "seconds_to_start", "images_per_second")
    print_table(
        f"{given.photos} photos of {given.size} pixels, from file to file",
        ("crew", "workers", "threads each", "seconds", "of these to start", "images/s after that"),
        [[row[name] for name in columns] for row in rows],
    )
    result = {"style": STYLE, "photos": given.photos, "size": given.size, "rows": rows}
    written = save_section(given.results / "cluster.json", "workers", result)
    console.print(f"written: {written}", style="dim")


def _crews(sizes: Sequence[int]) -> Iterator[tuple[str, WorkerPool, int]]:
    yield "this process", SerialPool(), 1
    for size in sizes:
        yield "local processes", ProcessPool(size), size
    for size in sizes if is_installed() else ():
        yield "Ray actors", RayPool(None, size), size


def _write_photos(folder: Path, count: int, size: int) -> Path:
    """The shipped photo, a little darker each time, so that no file equals another."""
    folder.mkdir()
    with Image.open(SHIPPED_PHOTO) as picture:
        photo = picture.convert("RGB")
    photo.thumbnail((size, size))
    for number in range(count):
        shade = 1 - 0.3 * number / count
        photo.point(lambda value, shade=shade: value * shade).save(folder / f"{number:05}.jpg", quality=92)
    return folder


def _measured(name: str, crew: WorkerPool, size: int, photos: Path, out: Path) -> dict[str, Any]:
    console.print(f"cluster: {name}, {size}", style="dim")
    threads = max(1, processors() // size)
    config = StylizerConfig(load_styles(STYLE))
    answered: list[float] = []

    def hear(event: Event) -> None:
        if event.outcome != "done":
            raise SystemExit(f"{event.item.source}: {event.outcome}: {event.reason}")
        answered.append(perf_counter())

    style = Stylizer(STYLE).record()
    dispatcher = Dispatcher(
        collect_work_items([str(photos)], str(out)), CompletedItems(None, style, BulkOptions()), hear
    )
    dispatcher.skip_completed()
    started = perf_counter()
    dispatcher.work(crew, Task(config, BulkOptions(), threads), size)
    ended = perf_counter()
    after = sum(moment > answered[0] for moment in answered)
    return {
        "crew": name,
        "workers": size,
        "threads": threads,
        "seconds": ended - started,
        "seconds_to_start": answered[0] - started,
        "images_per_second": after / max(1e-9, answered[-1] - answered[0]),
    }


if __name__ == "__main__":
    main()

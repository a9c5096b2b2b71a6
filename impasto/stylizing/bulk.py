"""Any number of files: what fails is recorded, what is done is skipped, nothing is ever half there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from impasto.errors import ImageError
from impasto.imaging.files import check_target
from impasto.stylizing.inputs import Item
from impasto.stylizing.options import BulkOptions
from impasto.stylizing.pipeline import Event, Pipeline
from impasto.stylizing.stylizer import Stylizer


@dataclass
class Summary:
    """Summary of a run: counts, files that were kept, failed photos with reasons."""

    done: int = 0
    skipped: int = 0
    kept: list[Path | str] = field(default_factory=list)
    failed: list[tuple[Path | str, str]] = field(default_factory=list)
    seconds: float = 0.0
    megapixels: float = 0.0

    def add(self, event: Event) -> None:
        self.done += event.outcome == "done"
        self.skipped += event.outcome == "skipped"
        self.megapixels += event.size[0] * event.size[1] / 1e6
        if event.outcome == "kept":
            self.kept.append(event.item.target)
        if event.outcome == "failed":
            self.failed.append((event.item.source, event.reason))


def stylize_all(
    items: Sequence[Item],
    stylizer: Stylizer,
    options: BulkOptions | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> Summary:
    """Stylize the photos of `collect`, each into its own file, which appears whole or not at all.

    What fails is recorded and stops nothing, but for a full disk, or a folder that cannot be written to,
    which raise ImageError. After a KeyboardInterrupt what is being written is finished, then it goes on its
    way. `on_event` is called in this thread, once per photo.
    """
    options, summary, started = options or BulkOptions(), Summary(), time.monotonic()
    make_folders(item.target.parent for item in items)

    def tell(event: Event) -> None:
        summary.add(event)
        if on_event:
            on_event(event)

    Pipeline(stylizer, options, tell).work(items)
    summary.seconds = time.monotonic() - started
    return summary


def make_folders(folders: Iterable[Path]) -> None:
    """Make those that are missing. Raises ImageError for one that cannot be made or written to."""
    for folder in sorted(set(folders)):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ImageError(f"the folder {folder} cannot be made: {error.strerror or error}") from error
        check_target(folder / "picture.png")

"""Any number of photo files graded: what fails is recorded, what is done is skipped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from pathlib import Path

from impasto.grading.grader import GradedBands, Grader
from impasto.grading.looks import write_look
from impasto.imaging.sources import find_size
from impasto.stylizing.batch.inputs import Item
from impasto.stylizing.batch.pipeline import Event, Summary, compare, failure, is_disk_full, make_folders
from impasto.stylizing.images import Large, make_record, open_source, write_picture
from impasto.stylizing.options import BulkOptions


def grade_all(
    items: Sequence[Item],
    grader: Grader,
    options: BulkOptions | None = None,
    on_event: Callable[[Event], None] | None = None,
    *,
    save_lut: Path | None = None,
) -> Summary:
    """Grade the photos of `stylizing.collect`, each into its own file, which appears whole or not at all.

    What fails is recorded and stops nothing, but for a full disk, or a folder that cannot be written to,
    which raise ImageError. `on_event` is called once per photo; the last photo's table goes to `save_lut`.
    """
    options, summary = options or BulkOptions(), Summary()
    make_folders(item.target.parent for item in items)
    for item in items:
        event = _grade_file(item, grader, options, save_lut)
        summary.add(event)
        if on_event:
            on_event(event)
    return summary


def save_lut_of(photo: Path, grader: Grader, target: Path) -> None:
    """Write the table for a photo without grading it. Raises ImageError, UsageError."""
    source, _ = open_source(photo, target, prod(find_size(photo)), BulkOptions())
    write_look(target, grader.lut(source))


def _grade_file(item: Item, grader: Grader, options: BulkOptions, save_lut: Path | None) -> Event:
    try:
        record = make_record(item.source, grader.record(), options)
        if item.target.is_file() and not options.overwrite:
            if save_lut:
                save_lut_of(item.source, grader, save_lut)
            return Event(item, compare(item.target, record, options))
        source, info = open_source(item.source, item.target, prod(find_size(item.source)), options)
        lut = grader.lut(source)
        write_picture(item.target, Large(source, GradedBands(lut)), info, record, options)
        if save_lut:
            write_look(save_lut, lut)
        return Event(item, "done", size=info.size, notes=info.notes)
    except Exception as error:  # nothing that one photo can do may stop the others
        if is_disk_full(error):
            raise  # the next ones would not fit either
        return failure(item, error)

"""Grade many photos, and clips."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from math import prod
from pathlib import Path

import torch
from torch import Tensor

from impasto.errors import VideoError
from impasto.grading.grader import GradedBands, Grader
from impasto.grading.looks import write_look
from impasto.grading.lut import Lut, identity
from impasto.imaging.geometry import fit_long_side, resize
from impasto.imaging.sources import Planes, find_size
from impasto.imaging.video.clip import Clip, Pixels
from impasto.imaging.video.color import ColorTable
from impasto.stylizing.batch.inputs import Item
from impasto.stylizing.batch.pipeline import Event, Summary, compare, failure, is_disk_full, make_folders
from impasto.stylizing.images import Large, make_record, open_source, write_picture
from impasto.stylizing.options import BulkOptions
from impasto.stylizing.pixels import as_image

_SEEN = 12  # frames, evenly spread over a clip, that its colors are taken from
_SEEN_SIDE = 128  # pixels of each
_DOMAIN_POINTS = 65


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


class FrameGrader:
    """A styler of frames, which looks their colors up. Each frame is graded by itself."""

    part_frames = 250

    def __init__(self, lut: Lut) -> None:
        if (lut.low, lut.high) != (Lut.low, Lut.high):  # FFmpeg leaves the low end of a domain out
            plain = identity(_DOMAIN_POINTS)
            lut = plain.with_outputs(lut(plain.inputs))
        self._table = ColorTable(lut.table.reshape(-1, 3).clamp(0, 1).double().numpy())

    def __call__(self, photo: Pixels) -> Pixels:
        return self._table.of_pixels(photo)

    @property
    def state(self) -> Mapping[str, Pixels]:
        return {}

    def restore(self, state: Mapping[str, Pixels]) -> None:
        """There is nothing to go on from."""


def lut_of_clip(clip: Clip, grader: Grader) -> Lut:
    """The table for all frames of a clip. Raises VideoError for a clip without frames."""
    frames = [_small(pixels) for pixels in _some_frames(clip)]
    if not frames:
        raise VideoError(f"{clip.info.name} has no frames")
    return grader.lut(Planes(torch.cat(frames, dim=1)))


def _small(pixels: Pixels) -> Tensor:
    image = as_image(pixels)
    return resize(image[None], fit_long_side((image.shape[1], image.shape[2]), _SEEN_SIDE))[0]


def _some_frames(clip: Clip) -> Iterator[Pixels]:
    seconds = clip.info.duration or 0.0
    for number in range(_SEEN if seconds else 1):
        for frame in clip.frames(Fraction(seconds) * number / _SEEN):
            yield frame.over_white()
            break

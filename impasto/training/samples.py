"""Samples of one process, step by step, and held-out photos."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager

import numpy as np
import torch
from torch import Tensor

from impasto.errors import ImageError
from impasto.training.data import Crops, Photos, batches, held_out_crops, split
from impasto.training.distributed import ProcessGroup
from impasto.training.options import LoopOptions
from impasto.training.photos import Subset

_FEW = 500  # photos
_HELD_OUT = 8  # crops

Sampled = tuple[Tensor, tuple[str, ...]]  # images of a pass, and photos found unreadable


def is_augmented(photos: Photos, options: LoopOptions) -> bool:
    """Return whether crops are varied more, as those of few photos are."""
    return len(split(photos, options.seed)[0]) < _FEW if options.augment is None else options.augment


@contextmanager
def samples(
    photos: Photos, options: LoopOptions, group: ProcessGroup, start_step: int
) -> Iterator[Iterator[Sampled]]:
    """The images of the passes of a step, of the next one, and so on, (N, 3, size, size) on the device."""
    source = batches(
        Crops(split(photos, options.seed)[0], options.size, options.seed, is_augmented(photos, options)),
        start_step=start_step * options.accumulate,
        batch=options.batch,
        rank=group.rank,
        world=group.world,
        workers=workers_for(options, group.device),
        pin=group.device.type == "cuda",
    )
    with closing(source):
        yield (
            (b.images.to(group.device, memory_format=torch.channels_last, non_blocking=True), b.skipped)
            for b in source
        )


def held_out_samples(photos: Photos, options: LoopOptions) -> Sampled:
    """Photos that are never trained on, (N, 3, size, size), and the names of those found unreadable.

    If none of them can be read, some of the others take their place. Raises ImageError if no photo can be.
    """
    _, held_out = split(photos, options.seed)
    squares: list[Tensor] = []
    unreadable: list[str] = []
    for index in range(len(held_out)):
        if len(squares) == _HELD_OUT:
            break
        try:
            squares.append(held_out_crops(Subset(held_out, np.array([index])), options.size, 1))
        except ImageError:
            unreadable.append(held_out.name(index))
    if not squares:
        squares.append(held_out_crops(photos, options.size, _HELD_OUT))
    return torch.cat(squares), tuple(unreadable)


def workers_for(options: LoopOptions, device: torch.device) -> int:
    """Processes that read photos."""
    if options.workers is not None:
        return options.workers
    return 1 if device.type == "cpu" else min(8, os.cpu_count() or 1)

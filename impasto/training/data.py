"""Batches of training photos for each process, which follow from the seed and the step alone."""

from __future__ import annotations

import os
import signal
import sys
import threading
import warnings
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from impasto.errors import ImageError, MemoryLimitError, UsageError
from impasto.training.crops import Crops, held_out_crops, stack
from impasto.training.distributed import ProcessGroup
from impasto.training.options import LoopOptions
from impasto.training.photos import Photos, Subset, split

Sampled = tuple[Tensor, tuple[str, ...]]  # images of a pass, and photos found unreadable

_FEW = 500  # photos, below which crops are varied more
_HELD_OUT = 8  # crops
_PATIENCE = 600.0  # seconds: a worker that lacks memory for a thread is alive and sends nothing, for ever
_Made = tuple[Tensor, tuple[str, ...], str]  # images, names of unreadable photos, what went wrong or ""
_Sent = tuple[NDArray[np.float32], tuple[str, ...], str]  # the same, images (N, size, size, 3)


def is_augmented(photos: Photos, options: LoopOptions) -> bool:
    """Return whether crops are varied more, as those of few photos are."""
    return len(split(photos, options.seed)[0]) < _FEW if options.augment is None else options.augment


@contextmanager
def samples(
    photos: Photos, options: LoopOptions, group: ProcessGroup, start_step: int
) -> Iterator[Iterator[Sampled]]:
    """The images of the passes of a step, of the next one, and so on, (N, 3, size, size) on the device."""
    workers = options.workers
    if workers is None:
        workers = 1 if group.device.type == "cpu" else min(8, os.cpu_count() or 1)
    source = batches(
        Crops(split(photos, options.seed)[0], options.size, options.seed, is_augmented(photos, options)),
        start_step=start_step * options.accumulate,
        batch=options.batch,
        rank=group.rank,
        world=group.world,
        workers=workers,
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


@dataclass(frozen=True)
class Batch:
    """Samples of one step and rank.

    Attributes:
        images: (N, 3, size, size) float32 in [0, 1], channels_last.
        skipped: unreadable photos met for the first time while making it.
    """

    images: Tensor
    skipped: tuple[str, ...] = ()


def batches(
    crops: Crops,
    *,
    start_step: int,
    batch: int,
    rank: int = 0,
    world: int = 1,
    workers: int = 0,
    pin: bool = False,
) -> Generator[Batch, None, None]:
    """The batches of step `start_step`, the next step, and so on without end. Closing ends the workers.

    Args:
        start_step: 0 or more; step s is the same wherever the iteration starts.
        batch: samples of all ranks together, of which each rank gets its part.
        workers: processes that cut samples; 0 cuts them here. Outside of the main thread, a thread takes
            their place.
        pin: put images in page-locked memory, from which a GPU copies while it works; nothing without a GPU.

    Raises:
        UsageError: a batch that ranks cannot share equally.
        ImageError: while iterating: one photo after the other cannot be read.
    """
    if batch < 1 or world < 1 or batch % world:
        raise UsageError(f"a batch of {batch} cannot be shared equally among {world} processes")
    if not 0 <= rank < world:
        raise UsageError(f"rank {rank} is not one of {world} processes")
    steps, pin = _Steps(crops, batch, rank, batch // world), pin and torch.cuda.is_available()
    if workers > 0 and threading.current_thread() is threading.main_thread():
        return _to_batches(_make_in_workers(steps, start_step, workers, pin))
    made = steps.run(start_step, pin)
    return _to_batches(_make_in_thread(made) if workers > 0 else made)


@dataclass(frozen=True)
class _Steps(Dataset[_Made]):
    """Step number -> what one rank sees in it."""

    crops: Crops
    batch: int
    rank: int
    share: int

    def __getitem__(self, step: int) -> _Made:
        first = step * self.batch + self.rank * self.share
        try:
            drawn = [self.crops.draw(number) for number in range(first, first + self.share)]
        except ImageError as error:  # as words: an exception from a worker would come back with its traceback
            return torch.empty(0), (), str(error)
        return stack([image for image, _ in drawn]), tuple(name for _, names in drawn for name in names), ""

    def run(self, start_step: int, pin: bool) -> Generator[_Made, None, None]:
        """The steps from one on, made here."""
        for step in range(start_step, sys.maxsize):
            images, names, failure = self[step]
            yield images.pin_memory() if pin else images, names, failure


@dataclass(frozen=True)
class _AsArrays(Dataset[_Sent]):
    """A batch as NumPy arrays in memory order.

    Processes hand on tensors by a socket in the folder for temporary files, whose path may be too long for
    one; then nothing would come, ever.
    """

    steps: _Steps

    def __getitem__(self, step: int) -> _Sent:
        images, names, failure = self.steps[step]
        return images.movedim(1, -1).numpy() if images.numel() else images.numpy(), names, failure


def _as_it_is(item: Any) -> Any:
    """Stand in for the function that would make tensors of arrays."""
    return item


def _make_in_workers(steps: _Steps, start_step: int, workers: int, pin: bool) -> Generator[_Made, None, None]:
    """Batches of the steps, prefetched by worker processes."""
    made = _start_workers(steps, start_step, workers)
    try:
        for pixels, names, failure in made:
            images = torch.from_numpy(pixels).movedim(-1, 1) if pixels.size else torch.empty(0)
            yield images.pin_memory() if pin else images, names, failure
    except RuntimeError as error:
        if str(error).startswith("DataLoader timed out"):
            raise MemoryLimitError(
                f"no photos came for {_PATIENCE:.0f} seconds from the processes that read them; take "
                "workers=0, which needs less memory, or see whether their disk still answers"
            ) from error
        if not str(error).startswith("DataLoader worker"):
            raise
        raise MemoryLimitError(
            f"a process that read photos was killed; use fewer workers ({error})"
        ) from error
    finally:
        with _ignoring_ctrl_c():
            del made  # which ends its workers, and would show a second Ctrl-C as a fault of its own


def _start_workers(steps: _Steps, start_step: int, workers: int) -> Iterator[_Sent]:
    with warnings.catch_warnings():  # that there are more workers than cores, or threads beside the fork
        warnings.simplefilter("ignore")
        return iter(
            DataLoader(
                _AsArrays(steps),
                batch_size=None,
                sampler=range(start_step, sys.maxsize),
                num_workers=workers,
                collate_fn=_as_it_is,
                timeout=_PATIENCE,
                worker_init_fn=_prepare_worker,
                generator=torch.Generator(),  # unused, but PyTorch's own one would be advanced
            )
        )


@contextmanager
def _ignoring_ctrl_c() -> Iterator[None]:
    """Ignore Ctrl-C, in the main thread."""
    usual = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual or signal.SIG_DFL)


def _make_in_thread(made: Generator[_Made, None, None]) -> Generator[_Made, None, None]:
    """Batches, each produced by a thread while the previous one is used.

    For programs that serve: a forked process would hold their open connections, which then never close.
    """
    with closing(made), ThreadPoolExecutor(1, "samples") as thread:
        coming = thread.submit(next, made)
        while True:
            ready = coming.result()
            coming = thread.submit(next, made)
            yield ready


def _prepare_worker(_: int) -> None:
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the training to answer


def _to_batches(made: Generator[_Made, None, None]) -> Generator[Batch, None, None]:
    """Batches that name each unreadable photo once. Raises ImageError for what went wrong in making them."""
    known: set[str] = set()
    with closing(made):
        for images, names, failure in made:
            if failure:
                raise ImageError(failure)
            fresh = tuple(name for name in dict.fromkeys(names) if name not in known)
            known.update(fresh)
            yield Batch(images, fresh)

"""Make batches of training photos for each process, which depend only on the seed and the step."""

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

Sampled = tuple[Tensor, tuple[str, ...]]  # images of a pass, and names of unreadable photos

_FEW = 500  # photos; with fewer photos crops are varied more
_HELD_OUT = 8  # crops
_PATIENCE = 600.0  # seconds: a worker without memory for a thread stays alive and never sends anything
_Made = tuple[Tensor, tuple[str, ...], str]  # images, names of unreadable photos, error message or ""
_Sent = tuple[NDArray[np.float32], tuple[str, ...], str]  # as _Made, with images (N, size, size, 3)


def is_augmented(photos: Photos, options: LoopOptions) -> bool:
    """Return whether crops are varied more, which is the default for few photos."""
    return len(split(photos, options.seed)[0]) < _FEW if options.augment is None else options.augment


@contextmanager
def samples(
    photos: Photos, options: LoopOptions, group: ProcessGroup, start_step: int
) -> Iterator[Iterator[Sampled]]:
    """Yield the passes of each step, from `start_step` on: images (N, 3, size, size) on the device."""
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
    """Load the held-out photos, (N, 3, size, size), and the names of unreadable photos.

    If no held-out photo can be read, some training photos replace them. Raises ImageError if no photo can be
    read.
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
        skipped: names of unreadable photos found for the first time in this batch.
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
    """Yield the batches of each step, from `start_step` on, endlessly; closing it ends the workers.

    Args:
        start_step: 0 or more; the batch of a step does not depend on it.
        batch: number of samples of all ranks together; each rank gets its part.
        workers: number of processes that cut samples; 0 cuts them in this process. Outside of the main
            thread, a thread is used instead.
        pin: put images in page-locked memory, from which a GPU copies asynchronously; ignored without a GPU.

    Raises:
        UsageError: a batch that cannot be divided equally among ranks.
        ImageError: while iterating, if many photos in a row cannot be read.
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
    """Dataset of steps: maps the number of a step to the samples of a rank."""

    crops: Crops
    batch: int
    rank: int
    share: int

    def __getitem__(self, step: int) -> _Made:
        first = step * self.batch + self.rank * self.share
        try:
            drawn = [self.crops.draw(number) for number in range(first, first + self.share)]
        except ImageError as error:  # as a message, as an exception from a worker would include its traceback
            return torch.empty(0), (), str(error)
        return stack([image for image, _ in drawn]), tuple(name for _, names in drawn for name in names), ""

    def run(self, start_step: int, pin: bool) -> Generator[_Made, None, None]:
        """Make the steps from `start_step` on, in this process."""
        for step in range(start_step, sys.maxsize):
            images, names, failure = self[step]
            yield images.pin_memory() if pin else images, names, failure


@dataclass(frozen=True)
class _AsArrays(Dataset[_Sent]):
    """Dataset of batches as NumPy arrays in memory order.

    Processes pass tensors through a socket in the temporary folder. If its path is too long for a socket, the
    tensors would never arrive.
    """

    steps: _Steps

    def __getitem__(self, step: int) -> _Sent:
        images, names, failure = self.steps[step]
        return images.movedim(1, -1).numpy() if images.numel() else images.numpy(), names, failure


def _as_it_is(item: Any) -> Any:
    """Return the item unchanged: a collate function that does not convert arrays to tensors."""
    return item


def _make_in_workers(steps: _Steps, start_step: int, workers: int, pin: bool) -> Generator[_Made, None, None]:
    """Make the batches of the steps in worker processes, which prefetch them."""
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
            del made  # ends its workers; a second Ctrl-C here would show a traceback


def _start_workers(steps: _Steps, start_step: int, workers: int) -> Iterator[_Sent]:
    with warnings.catch_warnings():  # warnings about more workers than cores, or about threads beside a fork
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
                generator=torch.Generator(),  # unused, but else the global generator would be advanced
            )
        )


@contextmanager
def _ignoring_ctrl_c() -> Iterator[None]:
    """Ignore Ctrl-C during the block, in the main thread."""
    usual = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual or signal.SIG_DFL)


def _make_in_thread(made: Generator[_Made, None, None]) -> Generator[_Made, None, None]:
    """Make each batch in a thread while the previous batch is used.

    For servers: a forked process would keep their open connections, which would then never close.
    """
    with closing(made), ThreadPoolExecutor(1, "samples") as thread:
        coming = thread.submit(next, made)
        while True:
            ready = coming.result()
            coming = thread.submit(next, made)
            yield ready


def _prepare_worker(_: int) -> None:
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process handles Ctrl-C


def _to_batches(made: Generator[_Made, None, None]) -> Generator[Batch, None, None]:
    """Convert to `Batch`, naming each unreadable photo once. Raises ImageError for failed batches."""
    known: set[str] = set()
    with closing(made):
        for images, names, failure in made:
            if failure:
                raise ImageError(failure)
            fresh = tuple(name for name in dict.fromkeys(names) if name not in known)
            known.update(fresh)
            yield Batch(images, fresh)

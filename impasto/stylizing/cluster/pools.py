"""Workers behind one interface, and the simplest of them: this process."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Protocol

from impasto.device import DeviceName, available_memory
from impasto.stylizing.cluster.task import Answer, ItemBatch, Task
from impasto.stylizing.cluster.worker import Worker

_WORKER = 1_500_000_000  # bytes: what a worker takes with a photo that is just not painted in tiles
_PER_GPU = 3  # workers: one that reads or writes leaves the GPU to others


class WorkerPool(Protocol):
    """Interface of worker pools."""

    def work(self, task: Task, batches: Sequence[ItemBatch], tell: Callable[[Answer], None]) -> None:
        """Do all batches, in any order, and tell each answer in this thread.

        Errands are left without an answer where a worker died, and may have two if one died late. However
        it ends, no worker is left. Raises ImpastoError where workers cannot be had, or a disk is full.
        """


class Alone:
    """A crew of this process."""

    def work(self, task: Task, batches: Sequence[ItemBatch], tell: Callable[[Answer], None]) -> None:
        with Worker(task) as worker:
            for batch in batches:
                worker(batch, tell)


def default_size(device: DeviceName = "auto") -> int:
    """Default number of workers: one per processor, or three per GPU."""
    import torch

    room = available_memory(torch.device("cpu")) // _WORKER
    gpus = torch.cuda.device_count() if device in ("auto", "cuda") else 0
    return max(1, min(processors(), room, *([_PER_GPU * gpus] if gpus else [])))


def processors() -> int:
    """Number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

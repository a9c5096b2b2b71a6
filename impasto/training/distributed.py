"""The processes of a training: those that torchrun started, or one alone."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from impasto.errors import ImpastoError

TrainingState = Mapping[str, Any]
_LOST = ("gloo", "nccl", "connection closed", "connection reset")  # in the words of a broken line


@dataclass(frozen=True)
class ProcessGroup:
    """A process, `rank` of `world`, with the device that it computes on."""

    device: torch.device
    rank: int = 0
    world: int = 1

    @property
    def is_main_process(self) -> bool:
        """Return whether this process is the one that writes files and reports."""
        return self.rank == 0

    def share(self, network: nn.Module) -> nn.Module:
        """Wrap the network so that its gradients are averaged over the group."""
        if self.world == 1:
            return network
        devices = [self.device] if self.device.type == "cuda" else None
        return DistributedDataParallel(network, device_ids=devices)

    @contextmanager
    def apart(self, shared: nn.Module, apart: bool) -> Iterator[None]:
        """If `apart`, what `share` gave only adds up gradients; the next pass averages their sums."""
        with shared.no_sync() if apart and isinstance(shared, DistributedDataParallel) else nullcontext():
            yield

    def means(self, values: Mapping[str, Tensor]) -> dict[str, float]:
        """Each value's mean over the group."""
        stacked = torch.stack([value.detach().float() for value in values.values()])
        if self.world > 1:
            dist.all_reduce(stacked)
            stacked = stacked / self.world
        return dict(zip(values, stacked.tolist(), strict=True))

    def pool(self, means: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Means over the group, each with the gradient of this process's own."""
        if self.world == 1:
            return dict(means)
        flat = torch.cat([mean.detach().flatten() for mean in means.values()])
        dist.all_reduce(flat)
        parts = torch.split(flat / self.world, [mean.numel() for mean in means.values()])
        whole = {name: part.view_as(means[name]) for name, part in zip(means, parts, strict=True)}
        return with_gradient(whole, means)

    def is_same(self, number: int) -> bool:
        """Return whether all processes say the same."""
        if self.world == 1:
            return True
        ends = torch.tensor([number, -number], device=self.device)
        dist.all_reduce(ends, dist.ReduceOp.MAX)
        return int(ends[0]) == -int(ends[1])

    def broadcast(self, value: float) -> float:
        """The value of the main process, whose clock counts."""
        if self.world == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64, device=self.device)
        dist.broadcast(shared, 0)
        return float(shared)

    def broadcast_object(self, state: TrainingState | None) -> TrainingState | None:
        """Send the main process's object to all processes, tensors on the CPU."""
        if self.world == 1:
            return state
        file = io.BytesIO()
        torch.save(state, file)
        length = int(self.broadcast(file.tell()))
        data = torch.empty(length, dtype=torch.uint8, device=self.device)
        if self.is_main_process:
            data.copy_(torch.frombuffer(file.getbuffer(), dtype=torch.uint8))
        dist.broadcast(data, 0)
        received = io.BytesIO(data.cpu().numpy().tobytes())
        handed: TrainingState | None = torch.load(received, map_location="cpu", weights_only=True)
        return handed


def with_gradient(values: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """`values`, with the gradient that `own` has."""
    return {name: value + (own[name] - own[name].detach()) for name, value in values.items()}


def _gather(backend: str, world: int) -> None:
    from impasto.training.rendezvous import meet  # which not every torch is built for

    rank = int(os.environ["RANK"])
    if (store := meet(rank, world)) is None:
        dist.init_process_group(backend)
    else:
        dist.init_process_group(backend, store=store, rank=rank, world_size=world)


def is_main_process() -> bool:
    """Return whether this is the main process, before there is a group."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def init_distributed(device: torch.device) -> Iterator[ProcessGroup]:
    """The group that torchrun set up (RANK, WORLD_SIZE, LOCAL_RANK), or one process on `device`.

    Processes on GPUs take one each and talk by NCCL; those on CPUs talk by gloo. Inside of another
    `init_distributed` the group is the same: a store that torchrun set up serves for one only.

    Raises ImpastoError where another process is gone.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield ProcessGroup(device)
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    is_inner = dist.is_initialized()
    if not is_inner:
        _gather("nccl" if device.type == "cuda" else "gloo", world)
    try:
        yield ProcessGroup(device, dist.get_rank(), dist.get_world_size())
    except RuntimeError as error:
        if not (isinstance(error, dist.DistError) or any(word in str(error).lower() for word in _LOST)):
            raise
        raise ImpastoError(
            f"another process of this training was lost ({str(error).partition(chr(10))[0]:.150}): with "
            "--max-restarts, torchrun starts all anew, and they go on from the last checkpoint"
        ) from error
    finally:
        if not is_inner:
            dist.destroy_process_group()

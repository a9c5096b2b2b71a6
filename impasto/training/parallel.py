"""Several processes that train one network: what torchrun started, or one process alone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class Team:
    """Who takes part: `rank` of `world`, each computing on its own device."""

    device: torch.device
    rank: int = 0
    world: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes files and reports."""
        return self.rank == 0

    def share(self, network: nn.Module) -> nn.Module:
        """The network, its gradients averaged over the team."""
        if self.world == 1:
            return network
        devices = [self.device] if self.device.type == "cuda" else None
        return DistributedDataParallel(network, device_ids=devices)

    def means(self, values: Mapping[str, Tensor]) -> dict[str, float]:
        """Each value's mean over the team."""
        stacked = torch.stack([value.detach().float() for value in values.values()])
        if self.world > 1:
            dist.all_reduce(stacked)
            stacked = stacked / self.world
        return dict(zip(values, stacked.tolist(), strict=True))

    def agree(self, value: float) -> float:
        """The value of the leading process, whose clock counts."""
        if self.world == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64, device=self.device)
        dist.broadcast(shared, 0)
        return float(shared)


@contextmanager
def teamwork(device: torch.device) -> Iterator[Team]:
    """The team that torchrun set up (RANK, WORLD_SIZE, LOCAL_RANK), or one process on `device`.

    Processes on GPUs take one each and talk by NCCL; those on CPUs talk by gloo. Inside of another `teamwork`
    the team is the same: a store that torchrun set up serves for one only.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Team(device)
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    is_inner = dist.is_initialized()
    if not is_inner:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Team(device, dist.get_rank(), dist.get_world_size())
    finally:
        if not is_inner:
            dist.destroy_process_group()

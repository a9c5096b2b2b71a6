"""Distributed training: process group, rendezvous, and restarts by torchrun."""

from __future__ import annotations

import io
import os
import platform
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from impasto.errors import ImpastoError
from impasto.imaging.files import replacing

if TYPE_CHECKING:
    from torch.distributed import Store  # type: ignore[attr-defined]

_LOST = ("gloo", "nccl", "connection closed", "connection reset")  # in error messages about lost connections
_WAIT_MINUTES = 10  # limit for processes that wait for each other
_POLL_SECONDS = 0.05  # interval of checking the store
_MARK_FILE = "torchrun.txt"


@dataclass(frozen=True)
class ProcessGroup:
    """Process group, seen from a process: its `rank` among `world` processes, and its device."""

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
        """If `apart`, accumulate gradients of a `share`d network locally; the next pass averages the sums."""
        with shared.no_sync() if apart and isinstance(shared, DistributedDataParallel) else nullcontext():
            yield

    def means(self, values: Mapping[str, Tensor]) -> dict[str, float]:
        """Average each value over the group."""
        stacked = torch.stack([value.detach().float() for value in values.values()])
        if self.world > 1:
            dist.all_reduce(stacked)
            stacked = stacked / self.world
        return dict(zip(values, stacked.tolist(), strict=True))

    def pool(self, means: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Average means over the group, each with the gradient of this process's mean."""
        if self.world == 1:
            return dict(means)
        flat = torch.cat([mean.detach().flatten() for mean in means.values()])
        dist.all_reduce(flat)
        parts = torch.split(flat / self.world, [mean.numel() for mean in means.values()])
        whole = {name: part.view_as(means[name]) for name, part in zip(means, parts, strict=True)}
        return with_gradient(whole, means)

    def is_same(self, number: int) -> bool:
        """Return whether all processes give the same number."""
        if self.world == 1:
            return True
        ends = torch.tensor([number, -number], device=self.device)
        dist.all_reduce(ends, dist.ReduceOp.MAX)
        return int(ends[0]) == -int(ends[1])

    def broadcast(self, value: float) -> float:
        """Send the main process's value to all processes."""
        if self.world == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64, device=self.device)
        dist.broadcast(shared, 0)
        return float(shared)

    def broadcast_object(self, state: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
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
        handed: Mapping[str, Any] | None = torch.load(received, map_location="cpu", weights_only=True)
        return handed


def with_gradient(values: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return `values` with the gradient of `own`."""
    return {name: value + (own[name] - own[name].detach()) for name, value in values.items()}


def is_main_process() -> bool:
    """Return whether this is the main process; works before the group exists."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def init_distributed(device: torch.device) -> Iterator[ProcessGroup]:
    """Join the group that torchrun set up (RANK, WORLD_SIZE, LOCAL_RANK), or use one process on `device`.

    Processes on GPUs take one GPU each and communicate by NCCL, processes on CPUs by gloo. A nested
    `init_distributed` returns the existing group, as torchrun's store serves one group only.

    Raises ImpastoError if another process was lost.
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
        _join_group("nccl" if device.type == "cuda" else "gloo", world)
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


def _join_group(backend: str, world: int) -> None:
    rank = int(os.environ["RANK"])
    if (store := rendezvous(rank, world)) is None:
        dist.init_process_group(backend)
    else:
        dist.init_process_group(backend, store=store, rank=rank, world_size=world)


def rendezvous(rank: int, world: int) -> Store | None:
    """Make a store for the processes of one start; None if torchrun keeps no store for them.

    The store of torchrun survives a restart, with the addresses of the old processes, which torch then uses
    for the new processes (pytorch/pytorch#135712). So the main process chooses a name for the start, every
    other process confirms it, and all keys get the name as a prefix.

    Raises ImpastoError if a process does not confirm in time.
    """
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
        return None
    # some builds of torch do not have these
    from torch.distributed import PrefixStore, TCPStore  # type: ignore[attr-defined]

    store = TCPStore(
        os.environ["MASTER_ADDR"],
        int(os.environ["MASTER_PORT"]),
        world,
        is_master=False,
        timeout=timedelta(minutes=_WAIT_MINUTES),
    )
    return PrefixStore(_propose_name(store, world) if rank == 0 else _learn_name(store, rank), store)


def _propose_name(store: Store, world: int) -> str:
    """Choose the name of a start, and wait until every other process has confirmed it."""
    name = secrets.token_hex(8)
    store.set("impasto/name", name)
    for rank in range(1, world):
        for _ in _polls(f"process {rank}"):
            answer = _read(store, f"impasto/{rank}")
            if answer.startswith(name):  # processes of an earlier start do not know the name
                store.set(f"impasto/{answer}", "seen")
                break
    return name


def _learn_name(store: Store, rank: int) -> str:
    """Confirm the name of this start; returns it once the main process has seen the confirmation."""
    own = secrets.token_hex(8)
    for _ in _polls("process 0"):
        name = _read(store, "impasto/name")  # perhaps that of an earlier start, whose main process has ended
        store.set(f"impasto/{rank}", f"{name} {own}")
        if name and store.check([f"impasto/{name} {own}"]):
            return name
    raise AssertionError


def _read(store: Store, key: str) -> str:
    """Read the value of a key, or "" if it does not exist yet."""
    return store.get(key).decode() if store.check([key]) else ""


def _polls(missing: str) -> Iterator[None]:
    """Yield at short intervals, for checking the store. Raises ImpastoError after ten minutes."""
    until = time.monotonic() + 60 * _WAIT_MINUTES
    while time.monotonic() < until:
        yield
        time.sleep(_POLL_SECONDS)
    raise ImpastoError(
        f"{missing} of this training did not come within {_WAIT_MINUTES} minutes: see what its machine says"
    )


def run_name() -> str | None:
    """Identifier of this torchrun run, unique over machines; None without torchrun.

    The identifier is --rdzv-id or, by default, the machine's name and the parent process's number.
    """
    given = os.environ.get("TORCHELASTIC_RUN_ID")
    return f"{platform.node()} {os.getppid()}" if given == "none" else given


def is_restarted(folder: Path) -> bool:
    """Return whether an earlier start of this torchrun run created a training's folder."""
    if run_name() is None:
        return False
    try:
        run, process = (folder / _MARK_FILE).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return False
    return run == run_name() and process != _this_process()


def mark_folder(folder: Path) -> None:
    """Mark a training's folder as used by this torchrun run; without torchrun, remove the mark.

    Only the main process does so. A process that finds the mark of its run, written by another process, has
    been restarted by torchrun, which runs the command again. Raises ImageError on a full disk.
    """
    run = run_name()
    if run is None:
        (folder / _MARK_FILE).unlink(missing_ok=True)
        return
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / _MARK_FILE) as temporary:
        temporary.write_text(f"{run}\n{_this_process()}\n", encoding="utf-8")


def _this_process() -> str:
    return f"{platform.node()} {os.getpid()}"

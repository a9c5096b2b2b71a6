"""Rendezvous of the processes of a training, also after torchrun has restarted them."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from datetime import timedelta

from torch.distributed import PrefixStore, Store, TCPStore  # type: ignore[attr-defined]

from impasto.errors import ImpastoError

_MINUTES = 10  # that processes wait for each other
_MOMENT = 0.05  # seconds between two looks


def meet(rank: int, world: int) -> Store | None:
    """A store that only processes of the same start share; None where torchrun keeps no store for them.

    The store of torchrun outlives a restart, and with it the addresses of processes that are gone, which
    torch takes for those of the new ones (pytorch/pytorch#135712). So the first of them makes up a name, each
    other one answers to it until that is seen, and from then on all is said under that name.

    Raises ImpastoError if one of them does not come.
    """
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
        return None
    store = TCPStore(
        os.environ["MASTER_ADDR"],
        int(os.environ["MASTER_PORT"]),
        world,
        is_master=False,
        timeout=timedelta(minutes=_MINUTES),
    )
    return PrefixStore(_call(store, world) if rank == 0 else _answer(store, rank), store)


def _call(store: Store, world: int) -> str:
    name = secrets.token_hex(8)
    store.set("impasto/name", name)
    for rank in range(1, world):
        for _ in _looks(f"process {rank}"):
            answer = _heard(store, f"impasto/{rank}")
            if answer.startswith(name):  # none of an earlier start knew it
                store.set(f"impasto/{answer}", "seen")
                break
    return name


def _answer(store: Store, rank: int) -> str:
    own = secrets.token_hex(8)
    for _ in _looks("process 0"):
        name = _heard(store, "impasto/name")  # perhaps that of an earlier start, to which nobody listens
        store.set(f"impasto/{rank}", f"{name} {own}")
        if name and store.check([f"impasto/{name} {own}"]):
            return name
    raise AssertionError


def _heard(store: Store, key: str) -> str:
    """Read a key without waiting; `_looks` waits."""
    return store.get(key).decode() if store.check([key]) else ""


def _looks(missing: str) -> Iterator[None]:
    until = time.monotonic() + 60 * _MINUTES
    while time.monotonic() < until:
        yield
        time.sleep(_MOMENT)
    raise ImpastoError(
        f"{missing} of this training did not come within {_MINUTES} minutes: see what its machine says"
    )

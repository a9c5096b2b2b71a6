"""Processes find those of the same start, whatever earlier ones have left behind."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from torch.distributed import PrefixStore, TCPStore

from impasto.errors import ImpastoError
from impasto.training import distributed
from impasto.training.distributed import rendezvous


@pytest.fixture
def left_behind(monkeypatch: pytest.MonkeyPatch) -> TCPStore:
    """The store of a torchrun."""
    server = TCPStore("localhost", 0, is_master=True, wait_for_workers=False)
    monkeypatch.setenv("MASTER_ADDR", "localhost")
    monkeypatch.setenv("MASTER_PORT", str(server.port))
    monkeypatch.setenv("TORCHELASTIC_USE_AGENT_STORE", "True")
    return server


def start(world: int, late: int | None = None) -> list[PrefixStore]:
    """What each process gets, one of which comes later than the others."""

    def come(rank: int) -> PrefixStore:
        time.sleep(0.3 if rank == late else 0)
        store = rendezvous(rank, world)
        assert store is not None
        return store

    with ThreadPoolExecutor(world) as threads:
        return list(threads.map(come, range(world)))


@pytest.mark.parametrize("late", [0, 2])
def test_every_start_has_a_store_of_its_own(left_behind: TCPStore, late: int) -> None:
    """Above all, where the addresses of processes that are gone would be taken for new ones."""
    for attempt in range(3):
        first, *others = start(3, late)
        assert not first.check(["address"])
        first.set("address", str(attempt))
        assert [store.get("address") for store in others] == 2 * [str(attempt).encode()]


def test_those_who_died_while_they_came_are_not_waited_for(left_behind: TCPStore) -> None:
    left_behind.set("impasto/name", "0123456789abcdef")
    left_behind.set("impasto/1", "0123456789abcdef fedcba9876543210")
    left_behind.set("impasto/0123456789abcdef fedcba9876543210", "seen")
    first, other = start(2, late=0)
    first.set("address", "new")
    assert other.get("address") == b"new"


@pytest.mark.parametrize(("rank", "missing"), [(0, "process 1"), (1, "process 0")])
def test_somebody_does_not_come(
    left_behind: TCPStore, monkeypatch: pytest.MonkeyPatch, rank: int, missing: str
) -> None:
    monkeypatch.setattr(distributed, "_WAIT_MINUTES", 0.5 / 60)
    with pytest.raises(ImpastoError, match=rf"^{missing} of this training did not come within .* minutes"):
        rendezvous(rank, 2)


def test_without_a_store_of_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TORCHELASTIC_USE_AGENT_STORE", raising=False)
    assert rendezvous(0, 2) is None

"""The processes of a training: several come to what one comes to, also after a restart."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.distributed import PrefixStore, TCPStore

from impasto.errors import ImpastoError
from impasto.networks.card import Card, save_card
from impasto.training import distributed
from impasto.training.distributed import (
    ProcessGroup,
    init_distributed,
    is_restarted,
    mark_folder,
    rendezvous,
    run_name,
)
from tests.training.launcher import Launcher

CPU = torch.device("cpu")
SHARED = """
import sys
from pathlib import Path
import torch
from impasto.errors import UsageError
from impasto.networks.card import load_card
from impasto.training.photos import find_photos
from impasto.training.checkpoints import TrainingPlan
from impasto.training.options import PrimeOptions, TrainOptions
from impasto.training.distributed import init_distributed
from impasto.training.train import prime, train
torch.set_num_threads(1)
folder, style, backbone, start, out = sys.argv[1:6]
loop = dict(steps=3, size=32, batch=4, workers=0, precision="float32",
            schedule="constant", learning_rate=2e-3)
plan = TrainingPlan(find_photos([Path(folder)]), Path(out) / "primed.safetensors", start=load_card(start))
with init_distributed(torch.device("cpu")) as group:
    primed = prime(PrimeOptions(**loop), plan)
    plan = TrainingPlan(plan.photos, Path(out) / "card.safetensors", start=plan.start)
    # so few pixels have covariances without a rank, the slopes of whose roots are rounding errors: hence Gram
    card = train(style, TrainOptions(style_size=48, style_loss="gram", backbone=backbone, **loop), plan)
    torch.save([primed.tensors, card.tensors, card.scores], f"{out}/{group.rank}.pt")
    if group.world > 1:
        try:
            train(style, TrainOptions(backbone=backbone, **loop | {"batch": 3}), plan)
        except UsageError as error:
            Path(f"{out}/{group.rank}.txt").write_text(str(error))
"""


def test_two_processes_learn_what_one_does(
    tmp_path: Path, folder: Path, style_file: Path, compact_file: Path, narrow: Card
) -> None:
    save_card(narrow, tmp_path / "start.safetensors")
    (tmp_path / "shared.py").write_text(SHARED)
    results = []
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    for name, launcher in (("one", ()), ("two", torchrun)):
        (tmp_path / name).mkdir()
        files = (folder, style_file, compact_file, tmp_path / "start.safetensors", tmp_path / name)
        subprocess.run(
            [sys.executable, *launcher, tmp_path / "shared.py", *files],
            check=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path.cwd())},
        )
        ranks = sorted((tmp_path / name).glob("*.pt"))
        results += [torch.load(path, weights_only=True) for path in ranks]
    one, *two = results
    assert len(two) == 2
    for job in (0, 1):
        for name, weights in one[job].items():
            assert torch.equal(two[0][job][name], two[1][job][name])
            torch.testing.assert_close(two[0][job][name], weights, rtol=0, atol=1e-5)
        assert max(moved(weights, narrow.tensors[name]) for name, weights in one[job].items()) > 1e-3
    assert two[0][2] == pytest.approx(one[2], rel=1e-4)
    for rank in (0, 1):
        message = (tmp_path / "two" / f"{rank}.txt").read_text()
        assert message == "a batch of 3 cannot be shared equally among 2 processes"


def moved(weights: Tensor, start: Tensor) -> float:
    return float((weights - start).abs().max())


def test_one_process_is_a_team_of_its_own() -> None:
    with init_distributed(CPU) as group:
        assert group == ProcessGroup(CPU, rank=0, world=1)
        assert group.is_main_process
        network = nn.Linear(1, 1)
        assert group.share(network) is network
        assert group.means({"a": torch.tensor(2.0), "b": torch.tensor(3)}) == {"a": 2.0, "b": 3.0}
        assert group.broadcast(0.1) == 0.1
    assert not ProcessGroup(CPU, rank=1, world=2).is_main_process


# --- the rendezvous -----------------------------------------------------------------------------------------


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


# --- restarts by torchrun -----------------------------------------------------------------------------------


def test_runs_have_names(launched: Launcher) -> None:
    launched(None)
    assert run_name() is None
    launched("job-7")
    assert run_name() == "job-7"
    launched("none", parent=10)  # what torchrun says where nobody named the run
    first = run_name()
    launched("none", parent=11)
    assert first not in (run_name(), "none", None)


def test_who_has_been_restarted(tmp_path: Path, launched: Launcher) -> None:
    folder = tmp_path / "a.training"
    launched("job-7", process=1)
    assert not is_restarted(folder)
    mark_folder(folder)
    assert not is_restarted(folder)  # by this very process, which has not ended
    launched("job-7", process=2)
    assert is_restarted(folder)
    launched("job-8", process=2)
    assert not is_restarted(folder)
    launched(None, process=2)
    assert not is_restarted(folder)
    mark_folder(folder)  # whoever works here without torchrun makes it theirs
    launched("job-7", process=3)
    assert not is_restarted(folder)


@pytest.mark.parametrize("content", [b"", b"job-7", b"a\nb\nc\n", b"\xff\xfe\n"])
def test_a_damaged_mark_is_none(tmp_path: Path, launched: Launcher, content: bytes) -> None:
    (tmp_path / "torchrun.txt").write_bytes(content)
    launched("job-7")
    assert not is_restarted(tmp_path)

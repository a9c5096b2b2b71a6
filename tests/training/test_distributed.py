"""Several processes come to what one comes to."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from impasto.networks.card import Card, save_card
from impasto.training.distributed import ProcessGroup, init_distributed

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

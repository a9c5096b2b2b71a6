"""`impasto train` under torchrun: on two machines, and with a process that is killed."""

import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
import torch

from impasto.networks.card import Card, load_card, save_card

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="torch has no gloo for torchrun there"),
]

STEPS = 16
SMALL = (
    "--steps", STEPS, "--size", 32, "--style-size", 48, "--style-loss", "gram", "--workers", 1,
    "--precision", "float32", "--learning-rate", 2e-3,
)  # fmt: skip
# the command itself, but that it saves after every step, and takes its time to be killed
PATIENT = """
import os, time
from dataclasses import replace
from pathlib import Path
from importlib import import_module
from impasto.cli import main
command = import_module("impasto.cli.train")
honest, told = command.make_plan, Path(os.environ["TOLD"])
attempt, rank = os.environ["TORCHELASTIC_RESTART_COUNT"], os.environ["RANK"]
def make_plan(*args):
    (told / f"{attempt}-{rank}").write_text(str(os.getpid()))
    plan = honest(*args)
    def on_step(step):
        plan.on_step(step)
        with (told / "steps").open("a") as file:
            file.write(f"{attempt} {step.step}\\n")
        time.sleep(0.05)
    return replace(plan, checkpoint_seconds=0.0, on_step=on_step)
command.make_plan = make_plan
main()
"""


@dataclass(frozen=True)
class Studio:
    """Files that a training needs."""

    folder: Path
    photos: Path
    style: Path
    backbone: Path

    def start(
        self, place: str, launcher: tuple[object, ...], *flags: object, **said: str
    ) -> subprocess.Popen[str]:
        """Begin a training in a folder of its own."""
        (self.folder / place).mkdir(exist_ok=True)
        given = (
            self.style, "--photos", self.photos, "--from", self.folder / "start.safetensors", "--backbone",
            self.backbone, "--out", "card.safetensors", *SMALL, *flags,
        )  # fmt: skip
        environment: Mapping[str, str] = {
            **os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2]), **said,
        }  # fmt: skip
        with (self.folder / place / "log").open("a") as log:
            return subprocess.Popen(
                [sys.executable, "-m", *map(str, (*launcher, "train", *given))],
                cwd=self.folder / place,
                env=environment,
                stdout=log,
                stderr=log,
                text=True,
            )

    def log(self, place: str) -> str:
        return (self.folder / place / "log").read_text()

    def card(self, place: str) -> Card:
        return load_card(self.folder / place / "card.safetensors")

    def digests(self, place: str) -> list[str]:
        """Of the best card and of the last weights."""
        home = self.folder / place
        files = (home / "card.safetensors", home / "card.training" / "last.safetensors")
        return [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]


@pytest.fixture(scope="module")
def studio(
    tmp_path_factory: pytest.TempPathFactory, folder: Path, style_file: Path, compact_file: Path, narrow: Card
) -> Studio:
    home = tmp_path_factory.mktemp("studio")
    save_card(narrow, home / "start.safetensors")
    (home / "patient.py").write_text(PATIENT)
    return Studio(home, folder, style_file, compact_file)


@pytest.fixture(scope="module")
def two_machines(studio: Studio) -> str:
    """The folder of the one of two machines, without any file in common, that leads a training."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    launcher = (
        "torch.distributed.run", "--nnodes", 2, "--nproc-per-node", 1, "--rdzv-backend", "c10d",
        "--rdzv-endpoint", f"localhost:{port}", "--rdzv-id", "pink", "-m", "impasto",
    )  # fmt: skip
    machines = ("first", "second")
    running = [studio.start(name, launcher, "--batch", 4, "--accumulate", 2) for name in machines]
    assert [process.wait(240) for process in running] == [0, 0], [studio.log(name) for name in machines]
    (leader,) = (name for name in machines if (studio.folder / name / "card.safetensors").exists())
    return leader


def test_two_machines_learn_what_one_process_does(studio: Studio, two_machines: str, narrow: Card) -> None:
    """Two processes that sum up two passes of two photos, and one that takes all eight at once."""
    alone = studio.start("alone", ("impasto",), "--batch", 8)
    assert alone.wait(240) == 0, studio.log("alone")
    one, two = studio.card("alone"), studio.card(two_machines)
    for name, tensor in one.tensors.items():
        torch.testing.assert_close(two.tensors[name], tensor, rtol=2e-3, atol=2e-4)
    assert max(float((t - narrow.tensors[name]).abs().max()) for name, t in one.tensors.items()) > 1e-2
    assert two.scores["held_out_loss"] == pytest.approx(one.scores["held_out_loss"], rel=1e-3)


def test_one_machine_alone_writes_and_speaks(studio: Studio, two_machines: str) -> None:
    other = {"first": "second", "second": "first"}[two_machines]
    assert [path.name for path in (studio.folder / other).iterdir()] == ["log"]
    assert "held-out loss" not in studio.log(other)
    assert studio.log(two_machines).count("held-out loss") == 1


@pytest.mark.parametrize("victim", [1, pytest.param(0, marks=pytest.mark.slow)])
def test_after_a_kill_they_come_to_the_same_card(studio: Studio, two_machines: str, victim: int) -> None:
    """To the bytes of an undisturbed training by as many processes."""
    place = f"killed-{victim}"
    told = studio.folder / place / "told"
    told.mkdir(parents=True)
    launcher = (
        "torch.distributed.run", "--standalone", "--nproc-per-node", 2, "--max-restarts", 2,
        studio.folder / "patient.py",
    )  # fmt: skip
    running = studio.start(place, launcher, "--batch", 4, "--accumulate", 2, TOLD=str(told))
    moment = Random(time.time_ns()).randint(3, STEPS - 5)
    try:
        while len(steps_in(told)) < moment:
            assert running.poll() is None, studio.log(place)
            time.sleep(0.01)
        os.kill(int((told / f"0-{victim}").read_text()), signal.SIGKILL)
        assert running.wait(240) == 0, studio.log(place)
    finally:
        running.kill()
    made = steps_in(told)
    first, again = ([step for attempt, step in made if attempt == number] for number in (0, 1))
    assert first == list(range(1, first[-1] + 1)), "it was killed in the middle"
    assert moment <= first[-1] < STEPS
    assert again == list(range(again[0], STEPS + 1)), "and ended by the first restart"
    assert first[-1] - 1 <= again[0] - 1 <= first[-1], "from the last checkpoint"
    assert f"continuing from the checkpoint, after step {again[0] - 1}" in studio.log(place)
    assert studio.digests(place) == studio.digests(two_machines)


def steps_in(told: Path) -> list[tuple[int, int]]:
    """Attempt and number of every step that was made."""
    path = told / "steps"
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return [(int(line.split()[0]), int(line.split()[1])) for line in lines if line.endswith("\n")]

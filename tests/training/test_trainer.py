"""Trainings that end before their end: resumed when asked to, and when torchrun starts them anew."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import torch
from PIL import Image

from impasto.errors import UsageError, WeightsError
from impasto.networks.card import Card, load_card, save_card
from impasto.training.checkpoints import TrainingPlan, TrainStep, workspace
from impasto.training.options import TrainOptions
from impasto.training.photos import find_photos
from impasto.training.train import train
from tests.training.ending import Stop, stop_at
from tests.training.launcher import Launcher

Options = Callable[..., TrainOptions]


@pytest.fixture
def plan(tmp_path: Path, folder: Path, narrow: Card) -> TrainingPlan:
    return TrainingPlan(find_photos([folder]), tmp_path / "pink.safetensors", start=narrow)


@pytest.fixture
def interrupted(plan: TrainingPlan, style_file: Path, options: Options) -> TrainingPlan:
    """Of 12 steps 5 are done."""
    with pytest.raises(Stop):
        train(style_file, options(steps=12), replace(plan, on_step=stop_at(5)))
    assert (workspace(plan.out) / "checkpoint.pt").exists()
    assert not plan.out.exists()
    return plan


def test_what_a_callback_raises_leaves_a_checkpoint(
    interrupted: TrainingPlan, style_file: Path, options: Options
) -> None:
    seen: list[int] = []
    resumed = train(
        style_file,
        options(steps=12, workers=1),  # may change
        replace(interrupted, resume=True, on_step=lambda step: seen.append(step.step)),
    )
    assert seen == list(range(6, 13))
    assert not (workspace(interrupted.out) / "checkpoint.pt").exists()
    whole = train(style_file, options(steps=12), replace(interrupted, out=interrupted.out.with_stem("whole")))
    assert same(resumed, whole)


def same(one: Card, other: Card) -> bool:
    return all(torch.equal(tensor, other.tensors[name]) for name, tensor in one.tensors.items())


def test_an_unfinished_training_is_not_overwritten_unasked(
    interrupted: TrainingPlan, style_file: Path, options: Options
) -> None:
    with pytest.raises(UsageError, match=r"holds an unfinished training: go on with resume=True"):
        train(style_file, options(steps=3), interrupted)
    train(style_file, options(steps=3), replace(interrupted, overwrite=True))
    assert load_card(interrupted.out).options["steps"] == 3


def test_options_that_changed_are_named(
    interrupted: TrainingPlan, style_file: Path, options: Options, folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.png"
    Image.linear_gradient("L").save(other)
    with pytest.raises(UsageError) as caught:
        train(
            other,
            options(steps=20, style_weight=3.0),
            replace(interrupted, resume=True, start=None, photos=find_photos([folder / "coffee.jpg"])),
        )
    for part in (
        "steps was 12 and is now 20",
        "style_weight was 1.0 and is now 3.0",
        "photos was 4 photos in ",
        "and is now random weights",
        "style picture was ",
    ):
        assert part in str(caught.value)
    assert "learning_rate" not in str(caught.value)


def test_nothing_to_resume(plan: TrainingPlan, style_file: Path, options: Options) -> None:
    with pytest.raises(WeightsError, match="there is no checkpoint"):
        train(style_file, options(), replace(plan, resume=True))


def test_a_disk_that_is_full_at_a_checkpoint(
    interrupted: TrainingPlan, style_file: Path, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then nothing can be written at all, sample pictures and losses included."""
    before = (workspace(interrupted.out) / "checkpoint.pt").read_bytes()

    def refuse(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("impasto.imaging.files.os.fsync", refuse)
        with pytest.raises(
            WeightsError, match="No space left on device; make room, and go on with resume=True"
        ):
            train(style_file, options(steps=12), replace(interrupted, resume=True, checkpoint_seconds=0.0))
    assert (workspace(interrupted.out) / "checkpoint.pt").read_bytes() == before
    train(style_file, options(steps=12), replace(interrupted, resume=True))


KILLED = """
import sys
import time
from pathlib import Path
from impasto.networks.card import load_card
from impasto.training.photos import find_photos
from impasto.training.checkpoints import TrainingPlan
from impasto.training.options import TrainOptions
from impasto.training.train import train
import torch
torch.set_num_threads(1)
folder, style, backbone, start, out = sys.argv[1:6]


def report(step):
    print(step.step, flush=True)
    time.sleep(0.02)  # or it might be done before it is killed


train(
    style,
    TrainOptions(steps=60, size=32, batch=2, workers=1, style_size=48, backbone=backbone, learning_rate=0.01),
    TrainingPlan(
        find_photos([Path(folder)]),
        Path(out),
        start=load_card(start),
        resume="--resume" in sys.argv,
        checkpoint_seconds=0.02,
        on_step=report,
    ),
)
"""


@pytest.mark.slow  # tests/faults kills a training, too
@pytest.mark.skipif(os.name == "nt", reason="needs signals of POSIX")
def test_killed_at_random_moments_it_comes_to_the_same_weights(
    tmp_path: Path, folder: Path, style_file: Path, compact_file: Path, narrow: Card
) -> None:
    start = tmp_path / "start.safetensors"
    save_card(narrow, start)
    rng = Random(time.time_ns())

    def run(out: Path, *, until: int | None = None, resume: bool = False) -> list[int]:
        """The steps made; kill -9 some time after step `until`."""
        command = [sys.executable, "-c", KILLED, folder, style_file, compact_file, start, out]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        with subprocess.Popen(
            [*map(str, command), *(["--resume"] if resume else [])],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        ) as process:
            assert process.stdout is not None
            steps = []
            for line in process.stdout:
                steps.append(int(line))
                if until is not None and steps[-1] >= until:
                    time.sleep(rng.random() * 0.1)
                    process.kill()
                    break
            assert process.wait(60) == (0 if until is None else -signal.SIGKILL)
        return steps

    killed, whole = tmp_path / "killed.safetensors", tmp_path / "whole.safetensors"
    first, second, third = (rng.randint(*span) for span in ((10, 18), (26, 34), (42, 48)))
    made = run(killed, until=first)
    for until in (second, third, None):
        assert (workspace(killed) / "checkpoint.pt").exists(), made
        made = run(killed, until=until, resume=True)
        assert made[0] > 1
    run(whole)
    for name in ("killed", "whole"):
        assert load_card(tmp_path / f"{name}.safetensors").options["steps"] == 60
    last = [workspace(path) / "last.safetensors" for path in (killed, whole)]
    assert same(load_card(last[0]), load_card(last[1]))
    assert same(load_card(killed), load_card(whole))


# --- restarts by torchrun -----------------------------------------------------------------------------------


class Killed(BaseException):
    pass


def seen_by(steps: list[int], killed_after: int | None = None) -> Callable[[TrainStep], None]:
    def on_step(step: TrainStep) -> None:
        steps.append(step.step)
        if step.step == killed_after:
            raise Killed

    return on_step


def test_a_restart_goes_on_unasked(
    plan: TrainingPlan, style_file: Path, options: Options, launched: Launcher
) -> None:
    plan = replace(plan, checkpoint_seconds=0.0)
    steps: list[int] = []
    launched("job-7", process=1)
    with pytest.raises(Killed):
        train(style_file, options(), replace(plan, on_step=seen_by(steps, killed_after=2)))
    launched("job-7", process=2)
    train(style_file, options(), replace(plan, on_step=seen_by(steps), overwrite=True))
    assert steps == [1, 2, 3, 4]
    assert not (workspace(plan.out) / "checkpoint.pt").exists()

    # a process that dies in leaving makes torchrun start all again: then there is nothing left to do
    card = plan.out.read_bytes()
    plan.out.unlink()
    launched("job-7", process=3)
    train(style_file, options(), replace(plan, on_step=seen_by(steps)))
    assert plan.out.read_bytes() == card
    assert steps == [1, 2, 3, 4]


def test_a_restart_before_the_first_checkpoint_begins_anew(
    plan: TrainingPlan, style_file: Path, options: Options, launched: Launcher
) -> None:
    """Though there was a checkpoint of another training, which was to be overwritten."""
    steps: list[int] = []
    launched(None)
    with pytest.raises(Killed):
        train(style_file, options(steps=9), replace(plan, on_step=seen_by(steps, killed_after=2)))

    def die() -> bool:
        raise Killed

    launched("job-7", process=1)
    with pytest.raises(Killed):
        train(style_file, options(), replace(plan, overwrite=True, is_enough=die))
    launched("job-7", process=2)
    train(style_file, options(), replace(plan, overwrite=True, on_step=seen_by(steps)))
    assert steps == [1, 2, 1, 2, 3, 4]


def test_others_trainings_are_not_taken_up(
    plan: TrainingPlan, style_file: Path, options: Options, launched: Launcher
) -> None:
    """Nor by the second start of a run whose first was refused."""
    launched("job-6", process=1)
    with pytest.raises(Killed):
        train(style_file, options(), replace(plan, on_step=seen_by([], killed_after=2)))
    for process in (2, 3):
        launched("job-7", process=process)
        with pytest.raises(UsageError, match="holds an unfinished training: go on with resume=True"):
            train(style_file, options(), plan)
    steps: list[int] = []
    train(style_file, options(), replace(plan, resume=True, on_step=seen_by(steps)))
    assert steps == [3, 4]


def test_a_restart_with_other_options_is_refused(
    plan: TrainingPlan, style_file: Path, options: Options, launched: Launcher
) -> None:
    launched("job-7", process=1)
    with pytest.raises(Killed):
        train(style_file, options(), replace(plan, on_step=seen_by([], killed_after=2)))
    launched("job-7", process=2)
    with pytest.raises(UsageError, match="steps was 4 and is now 5"):
        train(style_file, options(steps=5), plan)

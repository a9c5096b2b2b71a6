"""A training that torchrun has started anew finds its own work, and nobody else's."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from impasto.errors import UsageError
from impasto.networks.card import Card
from impasto.training.checkpoints import TrainingPlan, TrainStep, workspace
from impasto.training.distributed import is_restarted, mark_folder, run_name
from impasto.training.options import TrainOptions
from impasto.training.photos import find_photos
from impasto.training.start import instant_start
from impasto.training.train import train

Options = Callable[..., TrainOptions]


class Launcher:
    """What torchrun sets for its processes."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch

    def __call__(self, run: str | None, process: int = 1, parent: int = 10) -> None:
        """This is now a process of that run, or of none."""
        self._patch.setattr(os, "getpid", lambda: process)
        self._patch.setattr(os, "getppid", lambda: parent)
        if run is None:
            self._patch.delenv("TORCHELASTIC_RUN_ID", raising=False)
        else:
            self._patch.setenv("TORCHELASTIC_RUN_ID", run)


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> Launcher:
    return Launcher(monkeypatch)


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


# --- trainings ----------------------------------------------------------------------------------------------


class Killed(BaseException):
    pass


@pytest.fixture
def plan(tmp_path: Path, folder: Path, narrow: Card) -> TrainingPlan:
    return TrainingPlan(
        find_photos([folder]), tmp_path / "pink.safetensors", start=narrow, checkpoint_seconds=0.0
    )


def seen_by(steps: list[int], killed_after: int | None = None) -> Callable[[TrainStep], None]:
    def on_step(step: TrainStep) -> None:
        steps.append(step.step)
        if step.step == killed_after:
            raise Killed

    return on_step


def test_a_restart_goes_on_unasked(
    plan: TrainingPlan, style_file: Path, options: Options, launched: Launcher
) -> None:
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


def test_a_restart_begins_with_the_same_instant_card(
    tmp_path: Path, style_file: Path, launched: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "pink.safetensors"
    launched("job-7", process=1)
    first = instant_start(style_file, out)
    mark_folder(workspace(out))
    launched("job-7", process=2)
    kept = workspace(out) / "start.safetensors"
    before = kept.stat().st_mtime_ns
    again = instant_start(style_file, out)
    assert kept.stat().st_mtime_ns == before
    assert all(torch.equal(tensor, again.tensors[name]) for name, tensor in first.tensors.items())

    monkeypatch.setenv("RANK", "1")  # others write nothing: they take over the weights of the first
    other = tmp_path / "other.safetensors"
    instant_start(style_file, other)
    assert not workspace(other).exists()

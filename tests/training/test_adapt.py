"""The training of an adaptive network, from end to end in seconds."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from impasto import backbones
from impasto.encoding import card_of
from impasto.errors import UsageError
from impasto.networks.adaptive import Adaptive
from impasto.networks.adaptive_file import load_adaptive
from impasto.networks.card import Card
from impasto.perception import Perception
from impasto.training.adapt import (
    AdaptiveModule,
    AdaptiveObjective,
    StyleWindows,
    _perceive,
    adapt,
    style_batch,
)
from impasto.training.checkpoints import TrainingPlan, TrainStep, workspace
from impasto.training.distributed import ProcessGroup
from impasto.training.options import AdaptOptions
from impasto.training.photos import find_photos
from impasto.weights import load_metadata

Start = Callable[[], Adaptive]
ALONE = ProcessGroup(torch.device("cpu"))


def options(**given: Any) -> AdaptOptions:
    small = {"steps": 4, "size": 48, "window": 64, "batch": 2, "workers": 0, "precision": "float32"}
    return AdaptOptions(**{**small, **given})


@pytest.fixture
def start(narrow: Card) -> Start:
    """A small network that begins with one style network."""

    def make() -> Adaptive:
        with torch.random.fork_rng():
            torch.manual_seed(9)
            network = Adaptive(hidden=(16, 16), directions=1, combinations=4, light=narrow.config)
        network.start_from([narrow.tensors, {n: t + 0.1 for n, t in narrow.tensors.items()}])
        return network

    return make


@pytest.fixture
def plan(tmp_path: Path, folder: Path) -> TrainingPlan:
    return TrainingPlan(find_photos([folder]), tmp_path / "any.safetensors")


@pytest.fixture
def perception() -> Perception:
    return Perception(backbones.load("compact"))


def test_it_learns_styles(plan: TrainingPlan, start: Start) -> None:
    steps: list[TrainStep] = []
    adapt(plan.photos, start(), options(steps=40, learning_rate=0.01), replace(plan, on_step=steps.append))
    assert [step.step for step in steps] == list(range(1, 41))
    assert steps[0].losses.keys() == {"total", "style", "content", "tv", "lattice", "light"}
    validations = [step.validation["total"] for step in steps if step.validation]
    assert min(validations[-5:]) < 0.9 * validations[0]

    found = load_adaptive(plan.out)
    assert found.centre.any()
    assert found.light.config == start().light.config
    metadata = load_metadata(plan.out)
    assert metadata["training_data"] == '"4 photos; 4 style pictures"'
    assert str(plan.out.parent) not in str(metadata)
    left = {path.name for path in workspace(plan.out).iterdir()}
    assert {"last.safetensors", "losses.csv", "samples"} <= left
    assert "checkpoint.pt" not in left


def test_a_resumed_training_is_the_uninterrupted_one(
    plan: TrainingPlan, start: Start, tmp_path: Path
) -> None:
    whole = replace(plan, out=tmp_path / "whole.safetensors")
    adapt(plan.photos, start(), options(steps=6), whole)

    def stop(step: TrainStep) -> None:
        if step.step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        adapt(plan.photos, start(), options(steps=6), replace(plan, on_step=stop))
    with pytest.raises(UsageError, match="unfinished training: go on with resume=True"):
        adapt(plan.photos, start(), options(steps=6), plan)
    adapt(plan.photos, start(), options(steps=6), replace(plan, resume=True))
    one, other = (load_adaptive(path).state_dict() for path in (plan.out, whole.out))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_encoding_gives_the_weights_that_were_trained(
    plan: TrainingPlan, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("impasto.encoding.LONG_SIDE", 64)  # the size of a window
    chosen = options(steps=2, learning_rate=0.3, clip=100.0)
    adapt(plan.photos, start(), chosen, plan)
    network = load_adaptive(plan.out)
    windows = StyleWindows(plan.photos, _perceive(chosen, ALONE), chosen, ALONE.device)
    moments, _ = windows.known([0])
    trained = network(list(moments.values()))[0]
    card = card_of(windows.window(0)[0], network=plan.out)
    for name, tensor in card.tensors.items():
        assert torch.allclose(tensor, trained[name], atol=1e-5), name


def test_styles_are_the_same_whenever_asked_for(plan: TrainingPlan, perception: Perception) -> None:
    one, other = (StyleWindows(plan.photos, perception, options(), ALONE.device) for _ in range(2))
    for step in range(3):
        one.known(one.of_step(step, 4, ALONE))
    numbers = one.of_step(3, 4, ALONE)
    assert numbers == other.of_step(3, 4, ALONE)
    (first, colors), (again, same) = one.known(numbers), other.known(numbers)
    assert all(torch.equal(first[layer], again[layer]) for layer in first)
    assert all(torch.equal(a, b) for a, b in zip(colors, same, strict=True))
    assert {m.shape[0] for m in (*first.values(), *colors)} == {4}


def test_a_part_of_the_styles_is_new(plan: TrainingPlan, perception: Perception) -> None:
    styles = StyleWindows(plan.photos, perception, options(), ALONE.device)
    asked: list[int] = []
    look = styles.window
    styles.window = lambda number: asked.append(number) or look(number)  # type: ignore[method-assign, func-returns-value]
    for step in range(3):
        styles.known(styles.of_step(step, 4, ALONE))
    assert set(asked) == {0, 1, 2}
    assert len(asked) == 3


def test_every_picture_is_compared_with_its_own_style(
    plan: TrainingPlan, perception: Perception, start: Start
) -> None:
    styles = StyleWindows(plan.photos, perception, options(), ALONE.device)
    photos = torch.rand(2, 3, 48, 48)
    objective = AdaptiveObjective(perception, options())
    both = style_batch(photos, styles, [0, 1])
    painted = AdaptiveModule(start())(both)
    _, terms = objective(both, painted)
    alone = [objective(style_batch(photos[k : k + 1], styles, [k]), painted[k : k + 1])[1] for k in range(2)]
    for name in ("style", "content"):
        assert float(terms[name].detach()) == pytest.approx(
            sum(float(one[name].detach()) for one in alone) / 2, rel=1e-4
        )


def test_photos_with_one_style_are_judged_together(
    plan: TrainingPlan, perception: Perception, start: Start
) -> None:
    """Each is painted as if it were alone; a share of the style error is that of both together."""
    styles = StyleWindows(plan.photos, perception, options(), ALONE.device)
    photos = torch.rand(2, 3, 48, 48) * torch.tensor([0.3, 1.0]).view(2, 1, 1, 1)
    module = AdaptiveModule(start())
    both, alone = style_batch(photos, styles, [0]), [style_batch(p[None], styles, [0]) for p in photos]
    painted = module(both)
    torch.testing.assert_close(painted, torch.cat([module(one) for one in alone]), rtol=1e-4, atol=1e-4)

    def error(pooled: float) -> float:
        _, terms = AdaptiveObjective(perception, options(pooled=pooled))(both, photos)
        return float(terms["style"].detach())

    assert error(1.0) < 0.95 * error(0.0)
    assert error(0.7) == pytest.approx(0.7 * error(1.0) + 0.3 * error(0.0), rel=1e-4)

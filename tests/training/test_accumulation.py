"""Gradients of several passes make the step that one larger batch would have made."""

from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch
from torch import Tensor

from impasto import backbones
from impasto.errors import UsageError
from impasto.networks.adaptive import Adaptive
from impasto.networks.card import Card
from impasto.perception import Perception
from impasto.training.adapt import AdaptiveModule, AdaptiveObjective, StyleBatch, StyleWindows, style_batches
from impasto.training.checkpoints import TrainingPlan, TrainStep, workspace
from impasto.training.distributed import ProcessGroup
from impasto.training.objective import BatchObjective, priming_objective, style_objective
from impasto.training.optimization import StepResult, Training
from impasto.training.options import AdaptOptions, LoopOptions, PrimeOptions, TrainOptions
from impasto.training.photos import find_photos
from impasto.training.train import find_rate, train
from tests.training.ending import Stop, stop_at

Options = Callable[..., TrainOptions]
ALONE = ProcessGroup(torch.device("cpu"))
UNCLIPPED = 1e9


def photos(count: int, size: int = 64) -> Tensor:
    """Noise, some of it smooth, of very different contrasts."""
    generator = torch.Generator().manual_seed(3)
    rough = torch.rand(count, 3, size // 4, size // 4, generator=generator)
    smooth = torch.nn.functional.interpolate(rough, scale_factor=4, mode="bicubic")
    return (0.5 + (smooth - 0.5) * torch.linspace(0.1, 1, count)[:, None, None, None]).clamp(0, 1)


def step(
    card: Card, objective: BatchObjective[Tensor], batches: list[Tensor], options: LoopOptions
) -> tuple[Tensor, StepResult]:
    """The gradient of a step, and what it came to."""
    training = Training(card.build().train(), objective, options, torch.float32, ALONE)
    training.network.requires_grad_(True)
    outcome = training.advance(batches)
    gradients = [p.grad.flatten() for p in training.network.parameters() if p.grad is not None]
    assert len(gradients) == len(list(training.network.parameters()))
    return torch.cat(gradients), outcome


def assert_same_step(card: Card, objective: BatchObjective[Tensor], options: LoopOptions) -> None:
    whole = photos(8)
    one, expected = step(card, objective, [whole], options)
    four, outcome = step(card, objective, list(whole.split(2)), replace(options, accumulate=4))
    assert float((four - one).norm()) < 1e-4 * float(one.norm())
    assert outcome.losses == pytest.approx(expected.losses, rel=1e-5)
    # and a part alone would not have done
    part, _ = step(card, objective, [whole[:2]], options)
    assert float((part - one).norm()) > 0.05 * float(one.norm())


@pytest.mark.parametrize("loss", ["moments", "gram", "sliced", "nearest"])
def test_the_gradient_of_a_style(narrow: Card, style_file: Path, options: Options, loss: str) -> None:
    given = options(style_loss=loss, clip=UNCLIPPED, tv_weight=3.0)
    assert_same_step(narrow, style_objective(style_file, given, ALONE.device).objective, given)


@pytest.mark.parametrize("loss", ["pixels", "content"])
def test_the_gradient_of_priming(narrow: Card, compact_file: Path, loss: str) -> None:
    given = PrimeOptions(loss=loss, backbone=str(compact_file), clip=UNCLIPPED, precision="float32")  # type: ignore[arg-type]
    assert_same_step(narrow, priming_objective(given, ALONE.device).objective, given)


def test_the_gradient_of_an_adaptive_network(folder: Path, narrow: Card) -> None:
    """Photos and styles of the passes are those of the larger batch, and so is what comes of them."""
    network = Adaptive(hidden=(16, 16), directions=1, combinations=4, light=narrow.config)
    network.start_from([narrow.tensors, {n: t + 0.1 for n, t in narrow.tensors.items()}])
    perception = Perception(backbones.load("compact"))
    found = find_photos([folder])

    def learn(**given: int) -> tuple[list[StyleBatch], Tensor, StepResult]:
        settings = AdaptOptions(size=48, window=64, workers=0, clip=UNCLIPPED, precision="float32", **given)
        styles = StyleWindows(found, perception, settings, ALONE.device)
        with style_batches(found, styles, settings, ALONE, 2) as source:
            seen = [batch for batch, _ in islice(source, settings.accumulate)]
        module = AdaptiveModule(network).requires_grad_(True)
        training = Training(module, AdaptiveObjective(perception, settings), settings, torch.float32, ALONE)
        outcome = training.advance(seen)
        return (
            seen,
            torch.cat([p.grad.flatten().clone() for p in network.parameters() if p.grad is not None]),
            outcome,
        )

    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    (whole,), one, expected = learn(batch=4)
    network.load_state_dict(state)
    parts, two, outcome = learn(batch=2, accumulate=2)
    assert torch.equal(torch.cat([part.photos for part in parts]), whole.photos)
    assert whole.sharing == 2
    for layer, moments in whole.moments.items():
        assert torch.equal(torch.cat([part.moments[layer] for part in parts]), moments)
    assert float((two - one).norm()) < 1e-4 * float(one.norm())
    assert outcome.losses == pytest.approx(expected.losses, rel=1e-4)


# --- trainings ----------------------------------------------------------------------------------------------


@pytest.fixture
def plan(tmp_path: Path, folder: Path, narrow: Card) -> TrainingPlan:
    return TrainingPlan(find_photos([folder]), tmp_path / "pink.safetensors", start=narrow)


def test_a_training_is_that_of_the_larger_batch(
    plan: TrainingPlan, style_file: Path, options: Options
) -> None:
    """Its steps, photos and weights; the last step, too, is a whole one."""
    seen: list[TrainStep] = []
    given = {"style_loss": "gram", "steps": 5, "schedule": "constant"}
    one = train(style_file, options(batch=6, **given), replace(plan, on_step=seen.append))
    other = replace(plan, out=plan.out.with_stem("other"), on_step=seen.append)
    three = train(style_file, options(batch=2, accumulate=3, **given), other)
    assert [step.step for step in seen] == 2 * [1, 2, 3, 4, 5]
    for name, tensor in one.tensors.items():
        torch.testing.assert_close(three.tensors[name], tensor, rtol=0, atol=2e-5)
    assert plan.start is not None
    assert max(float((t - plan.start.tensors[n]).abs().max()) for n, t in one.tensors.items()) > 5e-3
    assert three.options["accumulate"] == 3
    assert three.scores["held_out_loss"] == pytest.approx(one.scores["held_out_loss"], rel=1e-3)


def test_interrupted_it_goes_on_with_the_next_step(
    plan: TrainingPlan, style_file: Path, options: Options
) -> None:
    given = options(steps=4, batch=2, accumulate=2)
    with pytest.raises(Stop):
        train(style_file, given, replace(plan, on_step=stop_at(2)))
    with pytest.raises(UsageError, match="accumulate was 2 and is now 1"):
        train(style_file, options(steps=4, batch=2), replace(plan, resume=True))
    resumed = train(style_file, given, replace(plan, resume=True))
    whole = train(style_file, given, replace(plan, out=plan.out.with_stem("whole")))
    assert all(torch.equal(tensor, whole.tensors[name]) for name, tensor in resumed.tensors.items())


def test_a_checkpoint_of_before_there_was_accumulation(
    plan: TrainingPlan, style_file: Path, options: Options
) -> None:
    with pytest.raises(Stop):
        train(style_file, options(steps=4), replace(plan, on_step=stop_at(2)))
    checkpoint = workspace(plan.out) / "checkpoint.pt"
    saved = torch.load(checkpoint, weights_only=True)
    assert saved["settings"].pop("accumulate") == 1
    torch.save(saved, checkpoint)
    with pytest.raises(UsageError, match="accumulate was 1 and is now 2"):
        train(style_file, options(steps=4, accumulate=2), replace(plan, resume=True))
    assert train(style_file, options(steps=4), replace(plan, resume=True)).options["steps"] == 4


def test_a_range_test_takes_steps_of_as_many_passes(
    plan: TrainingPlan, style_file: Path, options: Options
) -> None:
    one = find_rate(style_file, options(batch=4), plan, steps=3)
    two = find_rate(style_file, options(batch=2, accumulate=2), plan, steps=3)
    assert [t.loss for t in two.trials] == pytest.approx([t.loss for t in one.trials], rel=1e-3)

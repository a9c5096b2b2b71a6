"""`train` a network for a style; `prime` one to reproduce its input (identity pretraining)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from impasto import networks
from impasto.device import resolve_device, resolve_precision
from impasto.errors import UsageError
from impasto.imaging import io
from impasto.networks import StyleNetwork
from impasto.networks.card import Card, save_card
from impasto.networks.primed import fingerprint
from impasto.training.checkpoints import TrainingPlan, TrainStep
from impasto.training.data import held_out_samples, samples
from impasto.training.distributed import ProcessGroup, init_distributed
from impasto.training.lr_finder import RangeTest, rates
from impasto.training.objective import BuiltObjective, priming_objective, style_objective
from impasto.training.optimization import StateDict, Training
from impasto.training.options import LoopOptions, PrimeOptions, TrainOptions
from impasto.training.trainer import TrainingTask, fit


def train(style: io.Source, options: TrainOptions, plan: TrainingPlan) -> Card:
    """Train a network for a style; the card with the lowest loss on held-out photos goes to `plan.out`.

    After an interruption at any moment, `plan.resume` continues from the last checkpoint and, if
    `options.steps` is set, gives exactly the weights of an uninterrupted run.

    Raises ImpastoError, the base class of all errors.
    """
    with init_distributed(resolve_device(options.device)) as group:
        return _run(style_objective(style, options, group.device, plan.on_download), options, plan, group)


def prime(options: PrimeOptions, plan: TrainingPlan) -> Card:
    """Train a network to reproduce its input (identity pretraining), as a common start for all styles."""
    with init_distributed(resolve_device(options.device)) as group:
        return _run(priming_objective(options, group.device, plan.on_download), options, plan, group)


def find_rate(style: io.Source, options: TrainOptions, plan: TrainingPlan, steps: int = 120) -> RangeTest:
    """Run the learning-rate range test for a style; it starts like the training and writes no files.

    `plan.on_step` is called with each trial; an exception in it ends the test.
    """
    with init_distributed(resolve_device(options.device)) as group:
        built = style_objective(style, options, group.device, plan.on_download)
        training, _ = _begin(built, options, plan, group)
        test = RangeTest()
        with samples(plan.photos, options, group, 0) as source:
            batches = (images for images, _ in source)
            for step, rate in enumerate(rates(steps), 1):
                test.add(rate, training.try_rate(batches, rate))
                if group.is_main_process:
                    trial = {"loss": test.trials[-1].loss, "rate": rate}
                    plan.on_step(TrainStep(step, steps, step / steps, trial, 0.0, 0.0))
                if test.is_over:
                    break
        return test


@dataclass(frozen=True)
class _CardMaker:
    """Makes cards from a network's weights."""

    network: StyleNetwork
    options: LoopOptions
    plan: TrainingPlan

    def shown(self, batch: Tensor) -> list[Tensor]:
        """Return the photos to show above the results."""
        return [batch]

    def card(self, weights: StateDict, loss: float, steps: int) -> Card:
        """Make a card from weights."""
        start = self.plan.start
        return Card(
            network=self.network.name,
            config=self.network.config,
            tensors=weights,
            training_data=self.plan.photos.summary,
            base=(start.base or fingerprint(start)) if start else "",
            options={**asdict(self.options), "steps": steps},
            scores={"held_out_loss": round(loss, 5)},
            **self.plan.about,
        )

    def save(self, weights: StateDict, loss: float, steps: int, path: Path) -> None:
        """Write a card; the file is renamed into place."""
        save_card(self.card(weights, loss, steps), path)


def _run(built: BuiltObjective, options: LoopOptions, plan: TrainingPlan, group: ProcessGroup) -> Card:
    training, network = _begin(built, options, plan, group)
    held_out, unreadable = held_out_samples(plan.photos, options)
    maker = _CardMaker(network, options, plan)
    start = fingerprint(plan.start) if plan.start else "random weights"
    settings = {**asdict(options), **built.made_of, "photos": plan.photos.description, "start": start}
    task = TrainingTask(
        training,
        settings,
        held_out.to(group.device),
        unreadable,
        lambda step: samples(plan.photos, options, group, step),
        maker,
    )
    fit(task, plan)
    loss, weights = training.best or (float("nan"), training.weights())
    return maker.card(weights, loss, training.pace.step)


def _begin(
    built: BuiltObjective, options: LoopOptions, plan: TrainingPlan, group: ProcessGroup
) -> tuple[Training[Tensor], StyleNetwork]:
    torch.manual_seed(options.seed)
    network = _network(options, plan.start).to(group.device)
    precision = resolve_precision(options.precision, group.device)
    return Training(network, built.objective, options, precision, group), network


def _network(options: LoopOptions, start: Card | None) -> StyleNetwork:
    if options.skips is not None and options.network != "unet":
        raise UsageError(f"skips are for a unet: a {options.network} network has none to choose")
    config = {} if options.skips is None else {"skips": list(options.skips)}
    if start is None:
        return networks.build(options.network, **config)
    if start.network != options.network:
        raise UsageError(
            f"the weights to start from are of a {start.network} network, not of {options.network}"
        )
    if config and sorted(config["skips"]) != start.config.get("skips"):
        raise UsageError(f"the weights to start from are of a unet with skips {start.config.get('skips')}")
    return start.build().requires_grad_(True).train()

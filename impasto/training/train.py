"""The doors: `train` teaches a network a style, `prime` teaches it to give back what it sees."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from impasto import networks
from impasto.device import resolve_device, resolve_precision
from impasto.errors import UsageError
from impasto.imaging import io
from impasto.networks import StyleNetwork
from impasto.networks.card import Card, save_card
from impasto.networks.primed import fingerprint
from impasto.training.finder import RangeTest, rates
from impasto.training.goal import Goal, priming_goal, style_goal
from impasto.training.keeper import Plan, TrainStep
from impasto.training.loop import Training, Weights
from impasto.training.options import LoopOptions, PrimeOptions, TrainOptions
from impasto.training.parallel import Team, teamwork
from impasto.training.samples import held_out_samples, samples
from impasto.training.work import Task, work


def train(style: io.Source, options: TrainOptions, plan: Plan) -> Card:
    """Teach a network a style; the card with the lowest loss on held-out photos is written to `plan.out`.

    Interrupted at any moment, even by force, it goes on with `plan.resume` from its last checkpoint, and, if
    `options.steps` is set, comes to the very weights of an uninterrupted run.

    Raises ImpastoError: any of the family.
    """
    with teamwork(resolve_device(options.device)) as team:
        return _run(style_goal(style, options, team.device, plan.on_download), options, plan, team)


def prime(options: PrimeOptions, plan: Plan) -> Card:
    """Teach a network to give back what it sees: a start for every style, which later cards share."""
    with teamwork(resolve_device(options.device)) as team:
        return _run(priming_goal(options, team.device, plan.on_download), options, plan, team)


def find_rate(style: io.Source, options: TrainOptions, plan: Plan, steps: int = 120) -> RangeTest:
    """The range test for the training of a style, which starts as that would and writes nothing.

    `plan.on_step` is told each trial; what it raises ends the test.
    """
    with teamwork(resolve_device(options.device)) as team:
        goal = style_goal(style, options, team.device, plan.on_download)
        training, _ = _begin(goal, options, plan, team)
        test = RangeTest()
        with samples(plan.photos, options, team, 0) as source:
            batches = (images for images, _ in source)
            for step, rate in enumerate(rates(steps), 1):
                test.add(rate, training.try_rate(batches, rate))
                if team.leads:
                    trial = {"loss": test.trials[-1].loss, "rate": rate}
                    plan.on_step(TrainStep(step, steps, step / steps, trial, 0.0, 0.0))
                if test.is_over:
                    break
        return test


@dataclass(frozen=True)
class _CardMaker:
    """Makes cards of a network's weights."""

    network: StyleNetwork
    options: LoopOptions
    plan: Plan

    def shown(self, batch: Tensor) -> list[Tensor]:
        return [batch]

    def card(self, weights: Weights, loss: float, steps: int) -> Card:
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

    def save(self, weights: Weights, loss: float, steps: int, path: Path) -> None:
        save_card(self.card(weights, loss, steps), path)


def _run(goal: Goal, options: LoopOptions, plan: Plan, team: Team) -> Card:
    training, network = _begin(goal, options, plan, team)
    shown, unreadable = held_out_samples(plan.photos, options)
    maker = _CardMaker(network, options, plan)
    task = Task(
        training,
        _settings(goal, options, plan),
        shown.to(team.device),
        unreadable,
        lambda step: samples(plan.photos, options, team, step),
        maker,
    )
    work(task, plan)
    loss, weights = training.best or (float("nan"), training.weights())
    return maker.card(weights, loss, training.pace.step)


def _settings(goal: Goal, options: LoopOptions, plan: Plan) -> dict[str, Any]:
    """What must be the same when a training is resumed."""
    start = fingerprint(plan.start) if plan.start else "random weights"
    return {**asdict(options), **goal.made_of, "photos": plan.photos.description, "start": start}


def _begin(goal: Goal, options: LoopOptions, plan: Plan, team: Team) -> tuple[Training[Tensor], StyleNetwork]:
    torch.manual_seed(options.seed)
    network = _network(options, plan.start).to(team.device)
    precision = resolve_precision(options.precision, team.device)
    return Training(network, goal.objective, options, precision, team), network


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

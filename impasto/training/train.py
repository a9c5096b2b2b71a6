"""The doors: `train` teaches a network a style, `prime` teaches it to give back what it sees."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict
from typing import Any

import torch

from impasto import networks
from impasto.device import resolve_device, resolve_precision
from impasto.errors import UsageError
from impasto.imaging import io
from impasto.networks import StyleNetwork
from impasto.networks.card import Card
from impasto.networks.primed import fingerprint
from impasto.training.checkpoint import load_checkpoint
from impasto.training.finder import RangeTest, rates
from impasto.training.goal import Goal, priming_goal, style_goal
from impasto.training.keeper import Keeper, Plan, TrainStep, workspace
from impasto.training.loop import Training
from impasto.training.options import LoopOptions, PrimeOptions, TrainOptions
from impasto.training.parallel import Team, teamwork
from impasto.training.samples import held_out_samples, samples


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
        training = _begin(goal, options, plan, team)
        test = RangeTest()
        with samples(plan.photos, options, team, 0) as source:
            for step, (rate, (images, _)) in enumerate(zip(rates(steps), source, strict=False), 1):
                test.add(rate, training.try_rate(images, rate))
                if team.leads:
                    trial = {"loss": test.trials[-1].loss, "rate": rate}
                    plan.on_step(TrainStep(step, steps, step / steps, trial, 0.0, 0.0))
                if test.is_over:
                    break
        return test


def _run(goal: Goal, options: LoopOptions, plan: Plan, team: Team) -> Card:
    training = _begin(goal, options, plan, team)
    settings = _settings(goal, options, plan)
    _take_up(training, settings, plan)
    shown, unreadable = held_out_samples(plan.photos, options)
    with (
        closing(Keeper(training, plan, settings, shown.to(team.device))) as keeper,
        samples(plan.photos, options, team, training.pace.step) as source,
    ):
        while not training.pace.is_over:
            images, skipped = next(source)
            keeper.after(training.advance(images), unreadable + skipped)
            unreadable = ()
        return keeper.finish()


def _settings(goal: Goal, options: LoopOptions, plan: Plan) -> dict[str, Any]:
    """What must be the same when a training is resumed."""
    start = fingerprint(plan.start) if plan.start else "random weights"
    return {**asdict(options), **goal.made_of, "photos": plan.photos.description, "start": start}


def _take_up(training: Training, settings: Mapping[str, Any], plan: Plan) -> None:
    checkpoint = workspace(plan.out) / "checkpoint.pt"
    if plan.resume:
        training.restore(load_checkpoint(checkpoint, settings))
    elif checkpoint.exists() and not plan.overwrite:
        raise UsageError(
            f"{checkpoint.parent} holds an unfinished training: go on with --resume, or begin anew with "
            "--overwrite"
        )


def _begin(goal: Goal, options: LoopOptions, plan: Plan, team: Team) -> Training:
    torch.manual_seed(options.seed)
    network = _network(options, plan.start).to(team.device)
    return Training(network, goal.objective, options, resolve_precision(options.precision, team.device), team)


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

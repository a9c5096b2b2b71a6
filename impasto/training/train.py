"""Train a network for a style, with defaults or a plan; find its learning rate; estimate what it takes."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import torch
from torch import Tensor

from impasto import networks
from impasto.device import peak_memory, resolve_device, resolve_precision
from impasto.encoding import encode
from impasto.errors import DivergenceError, UsageError
from impasto.imaging import io
from impasto.imaging.files import check_target, replacing
from impasto.networks import StyleNetwork
from impasto.networks.card import Card, fingerprint, load_card, load_primed, save_card
from impasto.training.checkpoints import TrainingPlan, TrainStep, workspace
from impasto.training.data import held_out_samples, samples
from impasto.training.distributed import ProcessGroup, init_distributed, is_main_process, is_restarted
from impasto.training.metrics_log import can_plot, plot_rates
from impasto.training.objective import BuiltObjective, priming_objective, style_objective
from impasto.training.optimization import StateDict, Training
from impasto.training.options import LoopOptions, PrimeOptions, TrainOptions
from impasto.training.photos import Photos, find_photos
from impasto.training.synthetic import Synthetic
from impasto.training.trainer import TrainingTask, fit

_LOWEST, _HIGHEST = 1e-6, 1.0
_SMOOTH = 0.9
_EXPLOSION = 4.0  # times the lowest loss: the test ends there
_TRIAL_STEPS = 5
_VALIDATIONS = 1.04  # times as long, as held-out photos are looked at now and then
_CARD_BYTES = 2 * 2  # of a parameter: the card, and the last weights beside it
_CHECKPOINT_BYTES = 4 * 8  # weights, the best of them, two moments, and those of the last good step
_SAMPLE_BYTES = 25 * 8 / 4  # of a crop's pixel: 25 pictures of four photos and their results, as JPEG
_Paths = str | os.PathLike[str]


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


@dataclass(frozen=True)
class Trial:
    """A learning rate and the smoothed loss that it led to."""

    rate: float
    loss: float


def rates(steps: int) -> Iterator[float]:
    """Yield rates from the lowest to the highest, in equal factors."""
    for step in range(steps):
        yield _LOWEST * (_HIGHEST / _LOWEST) ** (step / max(1, steps - 1))


class RangeTest:
    """Collects trials; `is_over` is True once the loss explodes."""

    def __init__(self) -> None:
        self.trials: list[Trial] = []
        self._mean, self._weight = 0.0, 0.0

    def add(self, rate: float, loss: float) -> None:
        """Add a rate and the loss measured before the step of this rate."""
        self._mean = _SMOOTH * self._mean + (1 - _SMOOTH) * loss
        self._weight = _SMOOTH * self._weight + (1 - _SMOOTH)
        self.trials.append(Trial(rate, self._mean / self._weight))

    @property
    def is_over(self) -> bool:
        """Return whether the loss has exploded."""
        loss = self.trials[-1].loss if self.trials else 0.0
        return not math.isfinite(loss) or loss > _EXPLOSION * min(trial.loss for trial in self.trials)

    def suggestion(self) -> float:
        """Suggest a third of the rate with the lowest loss.

        At the lowest loss the loss begins to rise, and a cycle stays at its peak rate for long. Raises
        DivergenceError if no loss is finite.
        """
        finite = [trial for trial in self.trials if math.isfinite(trial.loss)]
        if not finite:
            raise DivergenceError("no learning rate can be suggested: the loss is not a number at any")
        return min(finite, key=lambda trial: trial.loss).rate / 3

    def save(self, folder: Path) -> list[Path]:
        """Write learning-rate.csv and, with Matplotlib, learning-rate.png; returns their paths."""
        folder.mkdir(parents=True, exist_ok=True)
        table, plot = folder / "learning-rate.csv", folder / "learning-rate.png"
        with (
            replacing(table) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.writer(file)
            writer.writerow(("rate", "loss"))
            writer.writerows((f"{trial.rate:.6g}", f"{trial.loss:.6g}") for trial in self.trials)
        if not can_plot():
            return [table]
        plot_rates(plot, [(trial.rate, trial.loss) for trial in self.trials], self.suggestion())
        return [table, plot]


@dataclass(frozen=True)
class TrainingCost:
    """Of a training on this machine: steps, seconds, bytes on the disk, and of memory where it is known."""

    steps: int
    seconds: float
    size: float
    memory: int | None


def estimate_training(style: Path, options: TrainOptions, photos: Photos) -> TrainingCost:
    """Make a few steps, from random weights, and write nothing. Raises as `train` does."""
    moments = [monotonic()]

    def count(step: TrainStep) -> None:
        moments.append(monotonic())

    find_rate(style, options, TrainingPlan(photos, Path("trial.safetensors"), on_step=count), _TRIAL_STEPS)
    first = min(1, len(moments) - 2)  # the first step takes longer, as all gets ready
    step = (moments[-1] - moments[first]) / max(1, len(moments) - 1 - first) * _VALIDATIONS
    steps = max(1, round(60 * options.minutes / step)) if options.steps is None else options.steps
    seconds = 60 * options.minutes if options.steps is None else steps * step
    config = {} if options.skips is None else {"skips": list(options.skips)}
    network = networks.build(options.network, **config)
    parameters = sum(weight.numel() for weight in network.parameters())
    size = parameters * (_CARD_BYTES + _CHECKPOINT_BYTES) + _SAMPLE_BYTES * options.size**2
    return TrainingCost(steps, seconds, size, peak_memory())


def train_style(
    style: _Paths,
    out: _Paths,
    photos: _Paths | Iterable[_Paths] | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
    callback: Callable[[TrainStep], None] | None = None,
    **options: Any,
) -> Card:
    """Train a network for a style, and write its card.

    Args:
        style: style picture.
        out: card to write, a .safetensors file; samples, losses and checkpoints are in a folder beside it.
        photos: photos to train on: folders, files, tar archives; None trains on synthetic pictures.
        resume: continue an interrupted training with identical arguments.
        overwrite: replace an existing card.
        callback: called with every step; an exception in it ends the training, after a checkpoint.
        options: fields of `training.options.TrainOptions`, such as `minutes=15`.

    Returns:
        The card with the lowest loss on held-out photos, which `impasto.load(out)` applies.

    Raises ImpastoError, the base class of all errors.
    """
    style, out, asked = Path(style), Path(out), TrainOptions(**options)
    if check_target(out).suffix != ".safetensors":
        raise UsageError(f"{out} must end in .safetensors")
    if out.exists() and not (resume or overwrite):
        raise UsageError(f"{out} exists: name another file, or say overwrite=True")
    if isinstance(photos, str | os.PathLike):
        photos = [photos]
    plan = TrainingPlan(
        find_photos([Path(path) for path in photos]) if photos is not None else made_up(asked),
        out,
        start=_start(style, out, asked, resume),
        about={"style": out.stem},
        resume=resume,
        overwrite=overwrite,
        on_step=callback or (lambda step: None),
    )
    return train(style, asked, plan)


def _start(style: Path, out: Path, options: TrainOptions, resume: bool) -> Card | None:
    """Choose the default start: the available weights of this network that are nearest to the style."""
    if options.network == "light":
        return instant_start(style, out, resume=resume)
    return load_primed(options.network)


def made_up(options: LoopOptions) -> Synthetic:
    """Make synthetic training pictures, as large as crops need, which show at least 0.6 of a side."""
    return Synthetic(size=options.size * 5 // 4, seed=options.seed)


def instant_start(style: Path, out: Path, *, resume: bool = False) -> Card:
    """Make the adaptive network's card for a style, as the start of a training that writes `out`.

    The card is saved in the training's folder, and read from there when the training is resumed, as computing
    it again may give another card. Only one of several processes saves it; the others take over its weights
    when they begin. Raises ImageError for a picture without a style, and WeightsError.
    """
    kept = workspace(out) / "start.safetensors"
    if not is_main_process():
        return encode(style)
    if not ((resume or is_restarted(kept.parent)) and kept.exists()):
        save_card(encode(style), kept)
    return load_card(kept)  # the file's rounded weights, also for a new training

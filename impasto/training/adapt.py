"""Train the adaptive network, which writes a style network for any picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from impasto import backbones
from impasto.device import resolve_device, resolve_precision
from impasto.imaging.geometry import resize
from impasto.networks.adaptive import Adaptive
from impasto.networks.adaptive_file import save_adaptive
from impasto.networks.primed import digest
from impasto.perception import Perception
from impasto.training.adaptive_training import (
    AdaptiveModule,
    AdaptiveObjective,
    StyleBatch,
    StyleWindows,
    sharing_of,
    style_batch,
    style_batches,
)
from impasto.training.checkpoints import TrainingPlan
from impasto.training.distributed import ProcessGroup, init_distributed
from impasto.training.loop import StateDict, Training
from impasto.training.objective import FLAT
from impasto.training.options import AdaptOptions, TrainOptions
from impasto.training.photos import Photos, split
from impasto.training.samples import held_out_samples
from impasto.training.trainer import TrainingTask, fit

_USUAL = 200  # styles that tell what is usual


def adapt(styles: Photos, network: Adaptive, options: AdaptOptions, plan: TrainingPlan) -> None:
    """Teach a network to write style networks; the best on held-out photos and styles goes to `plan.out`.

    Args:
        styles: paintings, some hundred at least.
        network: with the weights to start from; changed.
        options: how.
        plan: with the photos. Its card to start from and what it says about one do not count here.

    Interrupted and resumed as `train` is. Raises ImpastoError: any of the family.
    """
    with init_distributed(resolve_device(options.device)) as group:
        settings = {
            **asdict(options),
            "photos": plan.photos.description,
            "styles": styles.description,
            "start": digest(network.state_dict()),
        }
        perception = _perceive(options, group)
        known, kept = (
            StyleWindows(part, perception, options, group.device) for part in split(styles, options.seed)
        )
        if not bool(network.centre.any()):
            network.normalise_by([moments.cpu() for moments in known.known(range(_USUAL))[0].values()])
        photos, unreadable = held_out_samples(plan.photos, options)
        sharing = sharing_of(len(photos))
        numbers = range(len(photos) // sharing)
        held_out = style_batch(photos.to(group.device), kept, numbers)
        shown = torch.cat([kept.window(number) for number in numbers]).repeat_interleave(sharing, 0)
        task = TrainingTask(
            _training(network, perception, options, group),
            settings,
            held_out,
            unreadable,
            lambda step: style_batches(plan.photos, known, options, group, step),
            _Maker(
                network,
                options,
                _learned_from(plan.photos, styles),
                resize(shown, (options.size, options.size)),
            ),
        )
        fit(task, plan)


@dataclass(frozen=True)
class _Maker:
    """Writes adaptive networks."""

    network: Adaptive
    options: AdaptOptions
    learned_from: str
    styles: Tensor  # pictures of those in the held-out batch, (N, 3, size, size)

    def shown(self, batch: StyleBatch) -> list[Tensor]:
        return [self.styles, batch.photos]

    def save(self, weights: StateDict, loss: float, steps: int, path: Path) -> None:
        network = Adaptive(**self.network.config)
        network.base = self.network.base
        network.load_state_dict({name.removeprefix("network."): tensor for name, tensor in weights.items()})
        about: Mapping[str, Any] = {
            "training_data": self.learned_from,
            "options": {**asdict(self.options), "steps": steps},
            "scores": {"held_out_loss": round(loss, 5)},
        }
        save_adaptive(network, path, about)


def _perceive(options: AdaptOptions, group: ProcessGroup) -> Perception:
    backbone = backbones.load("compact", pooling=TrainOptions.pooling).to(
        group.device, memory_format=torch.channels_last
    )  # type: ignore[call-overload]
    return Perception(backbone, dtype=resolve_precision(options.precision, group.device), flat=FLAT)


def _training(
    network: Adaptive, perception: Perception, options: AdaptOptions, group: ProcessGroup
) -> Training[StyleBatch]:
    module = AdaptiveModule(network).requires_grad_(True).train().to(group.device)
    dtype = resolve_precision(options.precision, group.device)
    return Training(module, AdaptiveObjective(perception, options), options, dtype, group)


def _learned_from(photos: Photos, styles: Photos) -> str:
    return f"{photos.summary}; {len(styles)} style pictures"

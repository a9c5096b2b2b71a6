"""Train the adaptive network, which predicts a style network for any picture."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import count, islice
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from impasto import backbones, losses
from impasto.device import resolve_device, resolve_precision
from impasto.imaging.color_transfer import ColorMoments, color_moments
from impasto.imaging.geometry import resize
from impasto.networks.adaptive import Adaptive
from impasto.networks.adaptive_file import save_adaptive
from impasto.networks.card import digest
from impasto.options import PREDICTED_LIGHT
from impasto.perception import Features, Perception
from impasto.training.checkpoints import TrainingPlan
from impasto.training.crops import Windows
from impasto.training.data import Sampled, held_out_samples, samples
from impasto.training.distributed import ProcessGroup, init_distributed
from impasto.training.objective import FLAT, Pool, WeightedErrors, alone
from impasto.training.optimization import StateDict, Training
from impasto.training.options import AdaptOptions, TrainOptions
from impasto.training.photos import Photos, split
from impasto.training.trainer import TrainingTask, fit

_USUAL = 200  # styles that the inputs are normalized by
_REMEMBERED = 400  # styles kept in memory, as encoding a new style takes as long as training on it
_USES = 4  # average number of uses of a style
_SHARING = 2  # photos that share a style, if a pass has an even number of photos


def adapt(styles: Photos, network: Adaptive, options: AdaptOptions, plan: TrainingPlan) -> None:
    """Train an adaptive network; the best weights on held-out photos and styles are written to `plan.out`.

    Args:
        styles: paintings, some hundred at least.
        network: network with the weights to start from; modified.
        options: options of the training.
        plan: photos and files; `plan.start` and `plan.about` are not used.

    Can be interrupted and resumed like `train`. Raises ImpastoError, the base class of all errors.
    """
    network.pooling = TrainOptions.pooling
    with init_distributed(resolve_device(options.device)) as group:
        settings = {  # settings that must match when a training is resumed
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
            network.normalize_by([moments.cpu() for moments in known.known(range(_USUAL))[0].values()])
        held_out, unreadable, windows = _hold_out(plan.photos, kept, options)
        module = AdaptiveModule(network).requires_grad_(True).train().to(group.device)
        dtype = resolve_precision(options.precision, group.device)
        learned_from = f"{plan.photos.summary}; {len(styles)} style pictures"
        task = TrainingTask(
            Training(module, AdaptiveObjective(perception, options), options, dtype, group),
            settings,
            held_out,
            unreadable,
            lambda step: style_batches(plan.photos, known, options, group, step),
            _AdaptiveMaker(network, options, learned_from, windows),
        )
        fit(task, plan)


def _hold_out(
    photos: Photos, styles: StyleWindows, options: AdaptOptions
) -> tuple[StyleBatch, tuple[str, ...], Tensor]:
    """Make the held-out batch; returns it, names of unreadable photos, and the style of each shown photo."""
    images, unreadable = held_out_samples(photos, options)
    sharing = sharing_of(len(images))
    numbers = range(len(images) // sharing)
    batch = style_batch(images.to(styles.device), styles, numbers)
    windows = torch.cat([styles.window(number) for number in numbers]).repeat_interleave(sharing, 0)
    return batch, unreadable, resize(windows, (options.size, options.size))


@dataclass(frozen=True)
class _AdaptiveMaker:
    """Writes adaptive networks to files."""

    network: Adaptive
    options: AdaptOptions
    learned_from: str
    styles: Tensor  # style pictures of the held-out batch, (N, 3, size, size)

    def shown(self, batch: StyleBatch) -> list[Tensor]:
        """Return the photos and styles to show above the results."""
        return [self.styles, batch.photos]

    def save(self, weights: StateDict, loss: float, steps: int, path: Path) -> None:
        """Write an adaptive network; the file is renamed into place."""
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


class StyleBatch(NamedTuple):
    """Batch of N photos and M styles; each style belongs to N / M consecutive photos.

    Attributes:
        photos: (N, 3, size, size) in [0, 1].
        moments: by layer, second moments of the styles, (M, C + 1, C + 1), with N a multiple of M.
        colors: mean and covariance of the styles' colors, (M, 3, 1) and (M, 3, 3).
    """

    photos: Tensor
    moments: Features
    colors: ColorMoments

    @property
    def sharing(self) -> int:
        """Number of photos that share a style."""
        return len(self.photos) // len(self.colors[0])


class AdaptiveModule(nn.Module):
    """The adaptive network as a module that maps a batch to pictures, (N, 3, size, size)."""

    def __init__(self, network: Adaptive) -> None:
        super().__init__()
        self.network = network
        self._light = (network.light,)  # in a tuple, so that it is not registered as a submodule

    def forward(self, batch: StyleBatch) -> Tensor:
        """Stylize the photos of a batch with its styles."""
        with torch.autocast(batch.photos.device.type, enabled=False):
            weights = self.network(list(batch.moments.values()))
        painted = [
            functional_call(self._light[0], own, (photos,))
            for own, photos in zip(weights, torch.split(batch.photos, batch.sharing), strict=True)
        ]
        return torch.cat(painted)


class AdaptiveObjective:
    """Errors of `StyleObjective` for a batch of styles, pooled over the photos that share a style."""

    pools = False  # no pooling over a step

    def __init__(self, perception: Perception, options: AdaptOptions) -> None:
        self._perception, self._pooled = perception, options.pooled
        self._errors = WeightedErrors(perception, options, returned=PREDICTED_LIGHT)

    def __call__(
        self, batch: StyleBatch, painted: Tensor, pool: Pool = alone
    ) -> tuple[Tensor, dict[str, Tensor]]:
        mean, covariance = (each.repeat_interleave(batch.sharing, 0) for each in batch.colors)
        return self._errors(
            batch.photos, painted, lambda features: self._style_error(features, batch), (mean, covariance)
        )

    def _style_error(self, features: Features, batch: StyleBatch) -> Tensor:
        """Mean of the style errors of single pictures, and of the pooled pictures of each style."""
        own = {layer: losses.second_moments(features[layer]) for layer in batch.moments}
        errors = []
        for k in range(len(batch.colors[0])):
            style = self._perception.style_terms_of({n: m[k : k + 1] for n, m in batch.moments.items()})
            part = slice(k * batch.sharing, (k + 1) * batch.sharing)
            these = {n: m[part] for n, m in own.items()}
            each = self._perception.style_error_of(these, style).mean()
            of_all = {n: m.mean(0, keepdim=True) for n, m in these.items()}
            errors.append(torch.lerp(each, self._perception.style_error_of(of_all, style)[0], self._pooled))
        return torch.stack(errors).mean()


class StyleWindows:
    """Windows of style pictures by number; a number always gives one and the same window.

    Args:
        styles: style pictures.
        perception: encodes the windows.
        options: side of a window, and seed.
        device: device of windows and moments.
    """

    def __init__(
        self, styles: Photos, perception: Perception, options: AdaptOptions, device: torch.device
    ) -> None:
        self._windows = Windows(styles, options.window, options.seed)
        self._perception, self._seed, self.device = perception, options.seed, device
        self._remembered = lru_cache(maxsize=_REMEMBERED)(self._look)

    def window(self, number: int) -> Tensor:
        """Make a window, (1, 3, window, window)."""
        return self._windows.sample(number)[None].to(self.device)

    def known(self, numbers: Sequence[int]) -> tuple[Features, ColorMoments]:
        """Encode windows: second moments by layer, (N, C + 1, C + 1); mean and covariance of colors."""
        seen = [self._remembered(number) for number in numbers]
        moments = {layer: torch.cat([one[layer] for one, _ in seen]) for layer in seen[0][0]}
        mean, covariance = (torch.cat(part) for part in zip(*(colors for _, colors in seen), strict=True))
        return moments, (mean, covariance)

    def of_step(self, step: int, count: int, group: ProcessGroup) -> list[int]:
        """Choose the numbers of `count` styles for a step: some are new, the others from earlier steps."""
        new = -(-count // _USES)
        rng = random.Random(f"{self._seed}/{step}/{group.rank}")
        first = step * new
        known = [max(0, first - rng.randint(1, _REMEMBERED)) for _ in range(count - new)]
        return [k * group.world + group.rank for k in (*range(first, first + new), *known)]

    @torch.no_grad()
    def _look(self, number: int) -> tuple[Features, ColorMoments]:
        window = self.window(number)
        features = self._perception.features(window, [name for name, _ in self._perception.style_layers])
        return {layer: losses.second_moments(f) for layer, f in features.items()}, color_moments(window)


def style_batch(photos: Tensor, styles: StyleWindows, numbers: Sequence[int]) -> StyleBatch:
    """Make a batch from photos and the numbers of styles."""
    return StyleBatch(photos, *styles.known(numbers))


def sharing_of(photos: int) -> int:
    """Number of photos in a pass that share a style."""
    return _SHARING if photos % _SHARING == 0 else 1


@contextmanager
def style_batches(
    photos: Photos, styles: StyleWindows, options: AdaptOptions, group: ProcessGroup, start_step: int
) -> Iterator[Iterator[tuple[StyleBatch, tuple[str, ...]]]]:
    """Make the batches of each step, from `start_step` on, with the names of unreadable photos."""
    with samples(photos, options, group, start_step) as source:
        yield _with_styles(source, styles, options.accumulate, group, start_step)


def _with_styles(
    source: Iterator[Sampled], styles: StyleWindows, passes: int, group: ProcessGroup, start_step: int
) -> Iterator[tuple[StyleBatch, tuple[str, ...]]]:
    """Add styles to the passes of a step; styles are chosen for the whole step, as for one large batch."""
    for step in count(start_step):
        numbers: list[int] = []
        for number, (images, skipped) in enumerate(islice(source, passes)):
            share = len(images) // sharing_of(len(images))
            numbers = numbers or styles.of_step(step, share * passes, group)
            yield style_batch(images, styles, numbers[number * share : (number + 1) * share]), skipped

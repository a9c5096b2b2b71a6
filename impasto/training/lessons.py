"""What an adaptive network learns from: photos, each with a style, and how far its pictures are from both."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import count, islice
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from impasto import losses
from impasto.networks.adaptive import Adaptive
from impasto.perception import Features, Perception
from impasto.training.objective import RANGE_WEIGHT
from impasto.training.options import AdaptOptions
from impasto.training.paintings import Windows
from impasto.training.parallel import Team
from impasto.training.photos import Photos
from impasto.training.samples import Sampled, samples

_REMEMBERED = 400  # styles: to look at a new one takes as long as to learn from it
_USES = 4  # of a style, on average


class Lesson(NamedTuple):
    """Photos (N, 3, size, size) and, by layer, the second moments (N, C + 1, C + 1) of a style for each."""

    photos: Tensor
    moments: Features


class Pupil(nn.Module):
    """An adaptive network at work: a lesson to pictures, (N, 3, size, size)."""

    def __init__(self, network: Adaptive) -> None:
        super().__init__()
        self.network = network
        self._light = (network.light,)  # in a tuple, it is no part of this module

    def forward(self, lesson: Lesson) -> Tensor:
        with torch.autocast(lesson.photos.device.type, enabled=False):
            weights = self.network(list(lesson.moments.values()))
        painted = [
            functional_call(self._light[0], own, (photo[None],))
            for own, photo in zip(weights, lesson.photos, strict=True)
        ]
        return torch.cat(painted)


class LessonObjective:
    """Means over a lesson of the style, content and total variation errors, weighted."""

    def __init__(self, perception: Perception, options: AdaptOptions) -> None:
        self._perception = perception
        self._weights = {
            "style": options.style_weight,
            "content": options.content_weight,
            "tv": options.tv_weight,
        }
        self._layers = {name for name, _ in (*perception.content_layers, *perception.style_layers)}

    def __call__(self, lesson: Lesson, painted: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        features = self._perception.features(painted, self._layers)
        with torch.no_grad():
            content = self._perception.content_terms(lesson.photos)
        terms = {
            "style": self._style_error(features, lesson.moments),
            "content": self._perception.content_error(features, content).mean(),
            "tv": losses.total_variation(painted),
        }
        total = RANGE_WEIGHT * losses.out_of_range(painted)
        for name, value in terms.items():
            total = total + self._weights[name] * value
        return total, terms

    def _style_error(self, features: Features, targets: Features) -> Tensor:
        """Each picture's from its own style, in the mean."""
        moments = {layer: losses.second_moments(features[layer]) for layer in targets}
        errors = []
        for k in range(len(next(iter(targets.values())))):
            style = self._perception.style_terms_of({n: m[k : k + 1] for n, m in targets.items()})
            own = {n: m[k : k + 1] for n, m in moments.items()}
            errors.append(self._perception.style_error_of(own, style))
        return torch.cat(errors).mean()


class Styles:
    """Windows of style pictures by number: the same whenever they are asked for.

    Args:
        styles: the pictures.
        perception: that looks at them.
        options: the side of a window, and the seed.
        device: where windows and moments are to be.
    """

    def __init__(
        self, styles: Photos, perception: Perception, options: AdaptOptions, device: torch.device
    ) -> None:
        self._windows = Windows(styles, options.window, options.seed)
        self._perception, self._seed, self._device = perception, options.seed, device
        self._remembered = lru_cache(maxsize=_REMEMBERED)(self._look)

    def window(self, number: int) -> Tensor:
        """(1, 3, window, window)"""
        return self._windows.sample(number)[None].to(self._device)

    def moments(self, numbers: Sequence[int]) -> Features:
        """By layer, (N, C + 1, C + 1)."""
        seen = [self._remembered(number) for number in numbers]
        return {layer: torch.cat([one[layer] for one in seen]) for layer in seen[0]}

    def of_step(self, step: int, count: int, team: Team) -> Features:
        """The moments of as many styles: a part of them new, the others those of earlier steps."""
        new = -(-count // _USES)
        chance = random.Random(f"{self._seed}/{step}/{team.rank}")
        first = step * new
        known = [max(0, first - chance.randint(1, _REMEMBERED)) for _ in range(count - new)]
        return self.moments([k * team.world + team.rank for k in (*range(first, first + new), *known)])

    @torch.no_grad()
    def _look(self, number: int) -> Features:
        features = self._perception.features(
            self.window(number), [name for name, _ in self._perception.style_layers]
        )
        return {layer: losses.second_moments(f) for layer, f in features.items()}


@contextmanager
def lessons(
    photos: Photos, styles: Styles, options: AdaptOptions, team: Team, start_step: int
) -> Iterator[Iterator[tuple[Lesson, tuple[str, ...]]]]:
    """The lessons of a step, of the next one, and so on, each with the names of photos found unreadable."""
    with samples(photos, options, team, start_step) as source:
        yield _with_styles(source, styles, options.accumulate, team, start_step)


def _with_styles(
    source: Iterator[Sampled], styles: Styles, passes: int, team: Team, start_step: int
) -> Iterator[tuple[Lesson, tuple[str, ...]]]:
    """Styles are chosen for a step as a whole, so that its passes show what one larger batch would."""
    for step in count(start_step):
        moments: Features = {}
        for number, (images, skipped) in enumerate(islice(source, passes)):
            share = len(images)
            moments = moments or styles.of_step(step, share * passes, team)
            part = slice(number * share, (number + 1) * share)
            yield Lesson(images, {layer: m[part] for layer, m in moments.items()}), skipped

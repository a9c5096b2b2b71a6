"""Minimising a function of an image: L-BFGS and Adam, as generators with one signature.

Each yields after every gradient evaluation, and finds its way back when a step explodes: the last good
iterate is restored, what was learned of the curvature is forgotten, and steps are halved from there on.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto.errors import DivergenceError

Function = Callable[[Tensor], tuple[Tensor, dict[str, Tensor]]]

_EXPLODED = 4.0  # times the last accepted value; a healthy L-BFGS step without a line search rises less
_MOST_RETREATS = 12  # in a row


@dataclass(frozen=True)
class Iterate:
    """An evaluated image, (1, 3, H, W), not clamped, its value and its terms. Nothing changes it later."""

    image: Tensor
    value: float
    terms: dict[str, float]
    gradient: Tensor


def lbfgs(
    function: Function, image: Tensor, iterations: int, step_length: float = 1.0, history: int = 12
) -> Iterator[Iterate]:
    """Limited-memory BFGS (Nocedal 1980) from `image`, one gradient per iteration: no line search.

    `function` gives the value, a scalar, and terms to report. The first step is tiny, as the scale of the
    problem is not known before it. Raises DivergenceError.
    """
    walk, pairs = _Walk(function, image), _Pairs(history)
    for _ in range(iterations):
        before = walk.here
        if not walk.evaluate():
            pairs.clear()
        elif before:
            pairs.add(walk.here.image - before.image, walk.here.gradient - before.gradient)
        yield walk.here
        gradient = walk.here.gradient
        cautious = 1.0 if pairs else min(1.0, 1.0 / float(gradient.abs().sum().clamp_min(1e-12)))
        walk.step(pairs.multiply(gradient), step_length * cautious)


def adam(
    function: Function,
    image: Tensor,
    iterations: int,
    step_length: float = 0.02,
    betas: tuple[float, float] = (0.9, 0.99),
) -> Iterator[Iterate]:
    """Adam (Kingma & Ba 2015) from `image`; as `lbfgs` otherwise. `step_length` is in units of the image."""
    walk = _Walk(function, image)
    first, second, age = torch.zeros_like(image), torch.zeros_like(image), 0
    for _ in range(iterations):
        if not walk.evaluate():
            first, second, age = torch.zeros_like(image), torch.zeros_like(image), 0
        yield walk.here
        gradient, age = walk.here.gradient, age + 1
        first = torch.lerp(gradient, first, betas[0])
        second = torch.lerp(gradient.square(), second, betas[1])
        scale = (second / (1 - betas[1] ** age)).sqrt().add_(1e-12)
        walk.step(first / (1 - betas[0] ** age) / scale, step_length)


SOLVERS: dict[str, Callable[[Function, Tensor, int, float], Iterator[Iterate]]] = {
    "lbfgs": lbfgs,
    "adam": adam,
}


class _Walk:
    """Where the solver is, and the way back there from a step that failed."""

    here: Iterate

    def __init__(self, function: Function, image: Tensor) -> None:
        self.function = function
        self.next = image.detach().contiguous(memory_format=torch.channels_last)
        self.here = None  # type: ignore[assignment]  # until the first evaluation
        self.shrink, self.retreats = 1.0, 0

    def evaluate(self) -> bool:
        """Look at the next image and go there; stay, with shorter steps from now on, if it is bad."""
        image = self.next.requires_grad_()
        value, terms = self.function(image)
        (gradient,) = torch.autograd.grad(value, image)
        gradient = gradient.contiguous(memory_format=torch.channels_last)  # as `_flat` has it
        number = value.item()
        if self._is_good(number, gradient):
            self.retreats = 0
            numbers = {name: term.item() for name, term in terms.items()}
            self.here = Iterate(image.detach(), number, numbers, gradient)
            return True
        self.retreats += 1
        self.shrink /= 2
        if self.here is None or self.retreats > _MOST_RETREATS:
            raise DivergenceError(
                "the objective is not a finite number or explodes at every step: choose smaller weights, a "
                "smaller learning rate, or --precision float32"
            )
        return False

    def step(self, direction: Tensor, length: float) -> None:
        """Propose the next image, against `direction`."""
        self.next = self.here.image.sub(direction, alpha=length * self.shrink)

    def _is_good(self, value: float, gradient: Tensor) -> bool:
        if not math.isfinite(value) or not bool(gradient.isfinite().all()):
            return False
        return self.here is None or value < _EXPLODED * max(self.here.value, 1e-12)


class _Pairs:
    """Steps and changes of the gradient, and the inverse Hessian that they stand for."""

    def __init__(self, most: int) -> None:
        self._kept: deque[tuple[Tensor, Tensor, float]] = deque(maxlen=most)

    def __bool__(self) -> bool:
        return bool(self._kept)

    def clear(self) -> None:
        self._kept.clear()

    def add(self, step: Tensor, change: Tensor) -> None:
        curvature = _dot(step, change)
        if curvature > 1e-10 * _dot(change, change):  # also false for NaN
            self._kept.append((step, change, curvature))

    def multiply(self, gradient: Tensor) -> Tensor:
        """The inverse Hessian times the gradient, by the two-loop recursion."""
        result = gradient.clone()
        alphas = []
        for step, change, curvature in reversed(self._kept):
            alpha = _dot(step, result) / curvature
            result.sub_(change, alpha=alpha)
            alphas.append(alpha)
        if self._kept:
            _, change, curvature = self._kept[-1]
            result.mul_(curvature / _dot(change, change))
        for (step, change, curvature), alpha in zip(self._kept, reversed(alphas), strict=True):
            result.add_(step, alpha=alpha - _dot(change, result) / curvature)
        return result


def _dot(a: Tensor, b: Tensor) -> float:
    """Inner product of two images laid out alike, without a copy."""
    return torch.dot(_flat(a), _flat(b)).item()


def _flat(image: Tensor) -> Tensor:
    return image.permute(0, 2, 3, 1).reshape(-1)

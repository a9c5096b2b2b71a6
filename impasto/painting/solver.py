"""Minimize a function of an image: L-BFGS and Adam, as generators with one signature.

Each solver yields after every gradient evaluation, and recovers when a step explodes: it restores the last
good iterate, discards the curvature information, and halves the steps from there on.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.errors import DivergenceError

Function = Callable[[Tensor], tuple[Tensor, dict[str, Tensor]]]

_EXPLODED = 4.0  # times the last accepted value; a healthy L-BFGS step without a line search rises less
_MOST_RETREATS = 12  # in a row
_HISTORY = 12
_PAIR_BYTES = 1 << 30  # for all pairs of L-BFGS; above, pairs are kept in bfloat16, then fewer pairs are kept
_LEAST_HISTORY = 3
_PIECE = 1 << 20  # values that are converted at a time


@dataclass(frozen=True)
class Iterate:
    """An evaluated image, (1, 3, H, W), not clamped, with its value and its terms; never modified later."""

    image: Tensor
    value: float
    terms: dict[str, float]
    gradient: Tensor


def lbfgs(
    function: Function,
    image: Tensor,
    iterations: int,
    step_length: float = 1.0,
    history: int = _HISTORY,
    sharpness: float = 1.0,
) -> Iterator[Iterate]:
    """Limited-memory BFGS (Nocedal 1980) from `image`, one gradient per iteration: no line search.

    The initial inverse Hessian is v + `sharpness` (v - mean of v over 3 x 3 pixels): it favors fine
    structure, for which the objective is flattest. `sharpness` 0 gives the usual multiple of the identity.

    `function` returns the value, a scalar, and terms to report. The first step is tiny, as the scale of the
    problem is unknown before it; while the curvature is not positive, each step is four times as long as the
    step before. Very large images get a shorter history. Raises DivergenceError.
    """
    walk, pairs = _Walk(function, image), _Pairs(*kept_pairs(image.numel(), image.dtype, history), sharpness)
    del image  # large images are freed as early as possible, here and below
    growth = 0.25
    for _ in range(iterations):
        before, growth = walk.here, 4 * growth
        if not walk.evaluate():
            pairs.clear()
            growth = 1.0
        elif before:
            pairs.add(before, walk.here)
        del before
        yield walk.here
        gradient = walk.here.gradient
        cautious = 1.0 if pairs else growth * min(1.0, 1 / max(_sum_of_sizes(gradient), 1e-12))
        walk.step(pairs.multiply(gradient), step_length * cautious)


def adam(
    function: Function,
    image: Tensor,
    iterations: int,
    step_length: float = 0.02,
    betas: tuple[float, float] = (0.9, 0.99),
) -> Iterator[Iterate]:
    """Adam (Kingma & Ba 2015) from `image`; otherwise as `lbfgs`. `step_length` is in units of the image."""
    walk = _Walk(function, image)
    first, second, age = torch.zeros_like(walk.next), torch.zeros_like(walk.next), 0
    del image
    for _ in range(iterations):
        if not walk.evaluate():
            age = 0
            first.zero_()
            second.zero_()
        yield walk.here
        gradient, age = walk.here.gradient, age + 1
        first.lerp_(gradient, 1 - betas[0])
        second.mul_(betas[1]).addcmul_(gradient, gradient, value=1 - betas[1])
        scale = (second / (1 - betas[1] ** age)).sqrt_().add_(1e-12)
        walk.step((first / (1 - betas[0] ** age)).div_(scale), step_length)


Solver = Callable[[Function, Tensor, int, float], Iterator[Iterate]]
SOLVERS: dict[str, Solver] = {
    "lbfgs": lbfgs,
    "adam": adam,
}


class _Walk:
    """State of the solver, which can return from a failed step."""

    here: Iterate

    def __init__(self, function: Function, image: Tensor) -> None:
        self.function = function
        self.next = image.detach().contiguous(memory_format=torch.channels_last)
        self.here = None  # type: ignore[assignment]  # until the first evaluation
        self.shrink, self.retreats = 1.0, 0

    def evaluate(self) -> bool:
        """Evaluate the next image and accept it; if it is bad, stay and use shorter steps from now on."""
        image = self.next.requires_grad_()
        value, terms = self.function(image)
        (gradient,) = torch.autograd.grad(value, image)
        gradient = gradient.contiguous(memory_format=torch.channels_last)  # the layout that `_flat` needs
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
                "smaller learning rate, or precision=float32"
            )
        return False

    def step(self, direction: Tensor, length: float) -> None:
        """Propose the next image, a step against `direction`; overwrites `direction`."""
        self.next = direction.mul_(-length * self.shrink).add_(self.here.image)

    def _is_good(self, value: float, gradient: Tensor) -> bool:
        if not math.isfinite(value) or not math.isfinite(_sum_of_sizes(gradient)):
            return False
        return self.here is None or value < _EXPLODED * max(self.here.value, 1e-12)


def kept_pairs(numbers: int, dtype: torch.dtype, history: int = _HISTORY) -> tuple[int, torch.dtype]:
    """Number of L-BFGS pairs to keep for an image of this many values, and their precision."""
    if 2 * numbers * dtype.itemsize * history <= _PAIR_BYTES:
        return history, dtype
    return max(_LEAST_HISTORY, min(history, _PAIR_BYTES // (2 * 2 * numbers))), torch.bfloat16


class _Pairs:
    """Steps and changes of the gradient, as flat vectors, and the inverse Hessian that they define."""

    def __init__(self, most: int, dtype: torch.dtype, sharpness: float) -> None:
        self._kept: deque[tuple[Tensor, Tensor, float]] = deque(maxlen=most)
        self._dtype, self._sharpness = dtype, sharpness

    def __bool__(self) -> bool:
        return bool(self._kept)

    def clear(self) -> None:
        """Forget all pairs."""
        self._kept.clear()

    def add(self, before: Iterate, here: Iterate) -> None:
        """Add the pair of two iterates, if its curvature is positive."""
        step = self._difference(here.image, before.image)
        change = self._difference(here.gradient, before.gradient)
        curvature = _dot(step, change)
        if curvature > 1e-10 * _dot(change, change):  # also false for NaN
            self._kept.append((step, change, curvature))

    def multiply(self, gradient: Tensor) -> Tensor:
        """Multiply the gradient by the inverse Hessian, by the two-loop recursion."""
        result = _flat(gradient).clone()
        alphas = []
        for step, change, curvature in reversed(self._kept):
            alpha = _dot(step, result) / curvature
            _add(result, change, -alpha)
            alphas.append(alpha)
        result = self._sharpened(result, gradient.shape)
        if self._kept:
            _, change, curvature = self._kept[-1]
            result.mul_(curvature / _dot(change, self._sharpened(change, gradient.shape)))
        for (step, change, curvature), alpha in zip(self._kept, reversed(alphas), strict=True):
            _add(result, step, alpha - _dot(change, result) / curvature)
        return _unflat(result, gradient.shape)

    def _sharpened(self, vector: Tensor, shape: torch.Size) -> Tensor:
        """Amplify the fine structure of a flat image, by a symmetric and positive definite operator."""
        if not self._sharpness:
            return vector
        image = _unflat(vector, shape)
        image = image.to(torch.promote_types(image.dtype, torch.float32))
        mean = F.avg_pool2d(image, 3, stride=1, padding=1)  # zeros beyond the border keep it symmetric
        return _flat(mean.mul_(-self._sharpness).add_(image, alpha=1 + self._sharpness))

    def _difference(self, a: Tensor, b: Tensor) -> Tensor:
        result = torch.empty(a.numel(), dtype=self._dtype, device=a.device)
        for piece, one, other in _pieces(result, _flat(a), _flat(b)):
            piece.copy_(one - other)
        return result


def _dot(a: Tensor, b: Tensor) -> float:
    """Inner product, in the wider precision of the two, float32 at least."""
    dtype = torch.promote_types(torch.promote_types(a.dtype, b.dtype), torch.float32)
    return sum(torch.dot(x.to(dtype), y.to(dtype)).item() for x, y in _pieces(a, b))


def _add(vector: Tensor, other: Tensor, factor: float) -> None:
    for piece, added in _pieces(vector, other):
        piece.add_(added, alpha=factor)


def _pieces(*vectors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Split vectors into pieces: converting a whole vector would take as much memory as an image."""
    return zip(*(torch.split(vector, _PIECE) for vector in vectors), strict=True)


def _sum_of_sizes(image: Tensor) -> float:
    size: float = torch.linalg.vector_norm(image, ord=1).item()
    return size


def _flat(image: Tensor) -> Tensor:
    """Flatten an image without a copy; all images must have the same memory layout."""
    return image.permute(0, 2, 3, 1).reshape(-1)


def _unflat(vector: Tensor, shape: torch.Size) -> Tensor:
    """Restore an image (N, C, H, W) from `_flat`."""
    count, channels, height, width = shape
    return vector.view(count, height, width, channels).permute(0, 3, 1, 2)

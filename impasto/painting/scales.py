"""Painting: from coarse to fine, minimise the objective at each scale, starting from the one before."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from impasto.backbones import Backbone
from impasto.device import available_memory, resolve_device, resolve_precision
from impasto.errors import UsageError
from impasto.imaging.geometry import fit_long_side, resize, scale_ladder, split_iterations
from impasto.painting.memory import Memory
from impasto.painting.objective import Objective, Style
from impasto.painting.options import PaintOptions
from impasto.painting.solver import SOLVERS
from impasto.progress import Step


@dataclass(frozen=True)
class Scale:
    """One rung of the ladder: its size (height, width) in pixels and its gradient evaluations."""

    size: tuple[int, int]
    iterations: int


def plan(size: tuple[int, int], options: PaintOptions) -> tuple[Scale, ...]:
    """The ladder for a photo of this (height, width). Raises UsageError where the options do not fit."""
    ladder = scale_ladder(options.size or max(size), options.scales)
    shares = split_iterations(options.iterations, len(ladder))
    sizes = [fit_long_side(size, side) for side in ladder]
    if options.size is None:
        sizes[-1] = size
    return tuple(Scale(s, n) for s, n in zip(sizes, shares, strict=True))


def paint_steps(
    photo: Tensor,
    styles: Sequence[Style],
    backbone: Backbone,
    options: PaintOptions,
    start: Tensor | None = None,
) -> Iterator[Step]:
    """Paint, tensors in and tensors out: yields a `Step` per gradient; the last one carries the result.

    Args:
        photo: (3, H, W), float32 sRGB in [0, 1].
        styles: at least one; their weights are made to sum to 1.
        backbone: from `backbones.load`; it is moved to the device.
        options: sizes, weights, solver, device.
        start: (3, h, w) to begin from, if `options.init` is a file.

    Raises:
        UsageError: layers that the backbone has not, sizes too small for them, weights that sum to 0.
        DivergenceError: no finite objective, even with tiny steps.
    """
    device = resolve_device(options.device)
    dtype = resolve_precision(options.precision, device)
    backbone = backbone.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    memory = Memory(backbone, options, dtype, available_memory(device))
    styles = with_shares(styles)
    scales = plan((photo.shape[1], photo.shape[2]), options)
    image = _begin(photo, styles, scales[0].size, options, start)
    costs = [scale.size[0] * scale.size[1] for scale in scales]
    whole = sum(cost * scale.iterations for cost, scale in zip(costs, scales, strict=True))
    spent = 0
    for number, scale in enumerate(scales):
        objective = Objective(
            backbone,
            _to(resize(photo[None], scale.size), device),
            (_at_scale(style, options.style_size * max(scale.size), device) for style in styles),
            options,
            dtype,
            memory.tile(scale.size, scale.iterations),
        )
        image = _to(resize(image.clamp(0, 1), scale.size), device)
        solve = SOLVERS[options.optimizer]
        for count, iterate in enumerate(solve(objective, image, scale.iterations, options.step_length), 1):
            image = iterate.image
            spent += costs[number]
            yield Step(
                scale=number,
                scales=len(scales),
                size=scale.size,
                iteration=count,
                iterations=scale.iterations,
                done=spent / whole,
                losses={"total": iterate.value} | iterate.terms,
                snapshot=_Snapshot(image),
            )


def with_shares(styles: Sequence[Style]) -> list[Style]:
    """The same styles, their weights divided by the sum. Raises UsageError if that is not positive."""
    whole = sum(style.weight for style in styles)
    if any(style.weight < 0 for style in styles) or not 0 < whole < math.inf:
        raise UsageError("the weights of the styles must not be negative, and their sum must be positive")
    return [replace(style, weight=style.weight / whole) for style in styles if style.weight > 0]


def _begin(
    photo: Tensor, styles: Sequence[Style], size: tuple[int, int], options: PaintOptions, start: Tensor | None
) -> Tensor:
    """The image that the first scale starts from, (1, 3, H, W)."""
    if options.init == "noise":
        dice = torch.Generator().manual_seed(options.seed)
        return 0.5 + 0.1 * torch.randn(1, 3, *size, generator=dice)
    if options.init == "style":
        return resize(styles[0].image[None], size)
    if options.init == "photo":
        return resize(photo[None], size)
    if start is None:
        raise UsageError(f"there is no start {options.init}: choose photo, noise, style or an image file")
    return resize(start[None], size)


def _at_scale(style: Style, long_side: float, device: torch.device) -> Style:
    size = fit_long_side((style.image.shape[1], style.image.shape[2]), max(1, round(long_side)))
    image = _to(resize(_without_hidden_colours(style)[None], size), device)[0]
    alpha = None if style.alpha is None else resize(style.alpha[None], size)[0].to(device)
    return replace(style, image=image, alpha=alpha)


def _without_hidden_colours(style: Style) -> Tensor:
    """Transparent pixels in the mean colour of the others: the features of their neighbours see them."""
    if style.alpha is None:
        return style.image
    mean = (style.image * style.alpha).sum((1, 2), keepdim=True) / style.alpha.sum().clamp_min(1e-6)
    return style.image.where(style.alpha > 0, mean)


def _to(image: Tensor, device: torch.device) -> Tensor:
    return image.to(device, memory_format=torch.channels_last)


@dataclass(frozen=True)
class _Snapshot:
    """A picture for those who ask: (3, H, W), clamped, contiguous, on the CPU."""

    image: Tensor

    def __call__(self) -> Tensor:
        return self.image[0].clamp(0, 1).cpu().contiguous()

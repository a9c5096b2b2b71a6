"""Paint from coarse to fine: minimize the objective at each scale, starting from the scale before."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.backbones import Backbone
from impasto.device import available_memory, resolve_device, resolve_precision
from impasto.errors import UsageError
from impasto.imaging.arrays import without_hidden
from impasto.imaging.geometry import fit_long_side, resize, scale_ladder, split_iterations
from impasto.painting.inputs import initial_image
from impasto.painting.memory import Memory
from impasto.painting.objective import Objective, Style
from impasto.painting.options import PaintOptions
from impasto.painting.solver import SOLVERS, Solver, lbfgs
from impasto.progress import Step

_FIRST_SIDE = 256  # pixels: the photo already contains the large shapes
_SUPERSAMPLING = 1.5  # for effort "best": reducing the picture averages out its finest structure
_MARGIN = 4  # pixels painted beyond each side and cut off, as the backbone's padding causes a pale line there
_FIRST_SIDE_ELSE = 128  # pixels: large shapes settle here, at a sixteenth of the cost of 512


@dataclass(frozen=True)
class Scale:
    """A scale of the painting: its size (height, width) in pixels and its number of gradient evaluations."""

    size: tuple[int, int]
    iterations: int


def result_size(size: tuple[int, int], options: PaintOptions) -> tuple[int, int]:
    """(height, width) of the result, for a photo of this (height, width)."""
    return size if options.size is None else fit_long_side(size, options.size)


def plan(size: tuple[int, int], options: PaintOptions) -> tuple[Scale, ...]:
    """Plan the scales for a photo of this (height, width). Raises UsageError if the options do not fit.

    Unless `options.scales` gives sizes, effort "quick" paints the first scale only, and effort "best" adds a
    last scale that is larger than the result.
    """
    whole = result_size(size, options)
    first = _FIRST_SIDE if options.init in ("auto", "photo", "instant") else _FIRST_SIDE_ELSE
    ladder = scale_ladder(max(whole), options.scales, first)
    if options.scales is None and options.effort == "quick":
        ladder = (min(max(whole), _FIRST_SIDE),)
    if options.scales is None and options.effort == "best":
        ladder = (*ladder, round(_SUPERSAMPLING * max(whole)))
    shares = split_iterations(options.gradients, len(ladder))
    sizes = [whole if side == max(whole) else fit_long_side(size, side) for side in ladder]
    return tuple(Scale(s, n) for s, n in zip(sizes, shares, strict=True))


def paint_steps(
    photo: Tensor,
    styles: Sequence[Style],
    backbone: Backbone,
    options: PaintOptions,
    start: Tensor | None = None,
    regions: Sequence[Tensor] = (),
    alpha: Tensor | None = None,
) -> Iterator[Step]:
    """Paint tensors: yields a `Step` per gradient; the last `Step` carries the result.

    Args:
        photo: (3, H, W), float32 sRGB in [0, 1].
        styles: at least one for each region; weights are normalized to sum to 1 in each region.
        backbone: from `backbones.load`; it is moved to the device.
        options: sizes, weights, solver, device.
        start: (3, h, w) to begin from, if `options.init` is a file.
        regions: masks (1, h, w) in [0, 1] of the photo's shape; `Style.region` is the index of its mask.
            Without masks, the picture is one region.
        alpha: opacity of the photo, (1, H, W): colors of transparent pixels do not affect the initial image.

    Raises:
        UsageError: layers that the backbone does not have, sizes too small for them, weights that sum to 0.
        DivergenceError: no finite objective, even with tiny steps.
    """
    device = resolve_device(options.device)
    dtype = resolve_precision(options.precision, device)
    backbone = backbone.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    memory = Memory(backbone, options, dtype, available_memory(device), len(regions))
    styles = with_shares(styles)
    scales = plan((photo.shape[1], photo.shape[2]), options)
    image = initial_image(photo, styles, scales[0].size, options, start=start, regions=regions, alpha=alpha)
    light = image if options.init == "auto" else None
    costs = [scale.size[0] * scale.size[1] for scale in scales]
    whole = sum(cost * scale.iterations for cost, scale in zip(costs, scales, strict=True))
    spent = 0
    for number, scale in enumerate(scales):
        canvas = _Canvas(scale.size, _MARGIN if options.normalize else 0, device)
        objective = Objective(
            backbone,
            canvas.show(photo[None]),
            (_at_scale(style, options.stroke_size * max(scale.size), device) for style in styles),
            options,
            dtype,
            memory.tile(canvas.whole, scale.iterations),
            [canvas.show(mask[None])[0] for mask in regions],
            None if light is None else canvas.show(light),
        )
        solve, start_image = _solver(options), canvas.show(image.clamp(0, 1))
        for count, iterate in enumerate(
            solve(objective, start_image, scale.iterations, options.step_length), 1
        ):
            image = canvas.cut(iterate.image)
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


@dataclass(frozen=True)
class _Canvas:
    """Canvas of a scale: pictures of (height, width), extended on each side by their mirror image."""

    size: tuple[int, int]
    margin: int
    device: torch.device

    @property
    def whole(self) -> tuple[int, int]:
        """(height, width) with the margins."""
        return self.size[0] + 2 * self._width, self.size[1] + 2 * self._width

    def show(self, picture: Tensor) -> Tensor:
        """Resize a picture (1, C, h, w) of any size to the scale, and add the margins."""
        resized = resize(picture, self.size)
        if self._width:
            resized = F.pad(resized, (self._width,) * 4, mode="reflect")
        return _to(resized, self.device)

    def cut(self, painted: Tensor) -> Tensor:
        """View of a painted canvas without the margins."""
        end = -self._width or None
        return painted[..., self._width : end, self._width : end]

    @property
    def _width(self) -> int:
        return min(self.margin, *(side - 1 for side in self.size))


def _solver(options: PaintOptions) -> Solver:
    """Choose the solver; objectives that are not normalized get the L-BFGS of the literature."""
    if options.optimizer == "lbfgs" and not options.normalize:
        return partial(lbfgs, sharpness=0.0)
    return SOLVERS[options.optimizer]


def with_shares(styles: Sequence[Style]) -> list[Style]:
    """Normalize the weights of styles to sum to 1 in each region.

    Raises UsageError if one is negative or a sum is not positive.
    """
    sums = {style.region: 0.0 for style in styles}
    for style in styles:
        sums[style.region] += style.weight
    positive = sums and all(0 < whole < math.inf for whole in sums.values())
    if not positive or any(style.weight < 0 for style in styles):
        raise UsageError("the weights of the styles must not be negative, and their sum must be positive")
    return [replace(s, weight=float(s.weight / sums[s.region])) for s in styles if s.weight > 0]


def _at_scale(style: Style, long_side: float, device: torch.device) -> Style:
    long_side = max(1, round(style.scale * long_side))
    size = fit_long_side((style.image.shape[1], style.image.shape[2]), long_side)
    seen = style.image if style.alpha is None else without_hidden(style.image, style.alpha)
    image = _to(resize(seen[None], size), device)[0]
    alpha = None if style.alpha is None else resize(style.alpha[None], size)[0].to(device)
    scaled = replace(style, image=image, alpha=alpha)
    return _mirrored(scaled) if style.margin else scaled


def _mirrored(style: Style) -> Style:
    height, width = style.image.shape[1:]
    sides = (min(style.margin, height - 1, width - 1),) * 4
    alpha = torch.ones_like(style.image[:1]) if style.alpha is None else style.alpha
    image = _to(F.pad(style.image[None], sides, mode="reflect"), style.image.device)[0]
    return replace(style, image=image, alpha=F.pad(alpha, sides))


def _to(image: Tensor, device: torch.device) -> Tensor:
    return image.to(device, memory_format=torch.channels_last)


@dataclass(frozen=True)
class _Snapshot:
    """Picture computed on request: (3, H, W), clamped, contiguous, on the CPU."""

    image: Tensor

    def __call__(self) -> Tensor:
        return self.image[0].clamp(0, 1).cpu().contiguous()

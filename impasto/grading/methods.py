"""Methods that make a table of colors from a reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import torch
from torch import Tensor

from impasto.grading.lut import Lut, adjusted, identity, into_gamut
from impasto.grading.options import GradeMethod, GradeOptions
from impasto.imaging.color_transfer import color_moments, from_lab, map_colors, scale_lab, to_lab, to_oklab
from impasto.imaging.geometry import fit_long_side
from impasto.imaging.sources import ImageSource, shrunk

LutMaker = Callable[[Tensor, Tensor, Tensor], Tensor]

_COLORS = 12_000  # of each picture
_LONG_SIDE = 384  # pixels of the picture that they are taken from, in which noise is averaged out
_POINTS = 13  # of the grid on each side: a finer one follows noise
_BENDING = 0.002  # weight of second differences, against squared errors of colors in Oklab
_TENSION = 0.003  # of first differences: no color is pulled far from what its neighbors get
_REST = 1e-6  # of the field itself, where there are no colors
_MOST_GAIN = 3.0  # of the linear map: more would show the noise of flat photos
_ROUNDS, _ITERATIONS = 3, 8  # fits, and rotations of the axes before each
_SEED = 0

ColorMap = Callable[[Tensor], Tensor]  # (3, 1, n) of sRGB in [0, 1] to Oklab


def sample_colors(source: ImageSource) -> Tensor:
    """Colors spread evenly over what is not transparent of a picture: (3, 1, n), with a fixed n."""
    long_side = min(_LONG_SIDE, max(source.size))
    planes = shrunk(source, fit_long_side(source.size, long_side)).flatten(1)
    seen = planes[:3, planes[3] > 0.5] if len(planes) > 3 else planes
    if not seen.numel():
        seen = planes[:3]
    return seen[:, torch.linspace(0, seen.shape[1] - 1, _COLORS).long()][:, None].clamp(0, 1)


def make_lut(photo: Tensor, reference: Tensor, options: GradeOptions) -> Lut:
    """The table that takes colors of a photo to those of a reference, both as `sample_colors` gives them."""
    nothing = identity(options.lut_size)
    graded = nothing.with_outputs(_METHODS[options.method](photo, reference, nothing.inputs))
    return adjusted(graded, options.amount, keep_lightness=options.keep_lightness)


def _linear(photo: Tensor, reference: Tensor, colors: Tensor) -> Tensor:
    moved = map_colors(colors, color_moments(photo), color_moments(reference))
    return into_gamut(to_oklab(moved))


def _reinhard(photo: Tensor, reference: Tensor, colors: Tensor) -> Tensor:
    moments = (color_moments(to_lab(part)) for part in (photo, reference))
    return into_gamut(to_oklab(from_lab(scale_lab(to_lab(colors), *moments))))


_METHODS: Mapping[GradeMethod, LutMaker] = {
    "transport": lambda photo, reference, colors: into_gamut(transport(photo, reference)(colors)),
    "linear": _linear,
    "reinhard": _reinhard,
}


def transport(photo: Tensor, reference: Tensor) -> ColorMap:
    """The map of the colors (3, 1, n) of a photo to those of a reference, both sRGB in [0, 1] and n alike.

    It is the linear map that `map_colors` makes, in Oklab, and a smooth field of displacements on top.
    """
    generator = torch.Generator().manual_seed(_SEED)
    source, goal = to_oklab(photo), to_oklab(reference)
    moments = color_moments(source), color_moments(goal)
    moved = map_colors(source, *moments, most=_MOST_GAIN)[:, 0].double()
    corners = _Corners(photo[:, 0])
    factor = torch.linalg.cholesky(corners.normal_matrix() + _roughness())
    field = torch.zeros(3, _POINTS**3, dtype=torch.float64)
    for _ in range(_ROUNDS):
        wanted = match_clouds(moved + corners.interpolate(field), goal[:, 0].double(), generator) - moved
        field = torch.cholesky_solve(corners.project(wanted).T, factor).T

    def mapped(image: Tensor) -> Tensor:
        shifts = _Corners(image[:, 0]).interpolate(field).to(image)
        return map_colors(to_oklab(image), *moments, most=_MOST_GAIN) + shifts[:, None]

    return mapped


class _Corners:
    """Corners of the cells of the grid that colors (3, n) in [0, 1] lie in, with their trilinear weights."""

    def __init__(self, colors: Tensor) -> None:
        places = colors.double() * (_POINTS - 1)
        cells = places.floor().clamp(0, _POINTS - 2)
        shares = places - cells
        offsets = torch.cartesian_prod(*[torch.arange(2)] * 3).T[:, :, None]  # (3, 8, 1)
        strides = torch.tensor([1, _POINTS, _POINTS**2])[:, None, None]
        self.places = ((cells.long()[:, None] + offsets) * strides).sum(0)  # (8, n)
        self.weights = torch.where(offsets == 1, shares[:, None], 1 - shares[:, None]).prod(0)

    def interpolate(self, field: Tensor) -> Tensor:
        """(3, points) to (3, n)."""
        return (field[:, self.places] * self.weights).sum(1)

    def project(self, values: Tensor) -> Tensor:
        """The transpose of `interpolate`, for the mean over n."""
        shares = values[:, None] * self.weights / values.shape[1]
        field = torch.zeros(3, _POINTS**3, dtype=values.dtype)
        return field.index_add_(1, self.places.flatten(), shares.flatten(1))

    def normal_matrix(self) -> Tensor:
        """`project` of `interpolate`, as a matrix."""
        total = torch.zeros(_POINTS**6, dtype=self.weights.dtype)
        pairs = self.places[:, None] * _POINTS**3 + self.places
        shares = self.weights[:, None] * self.weights / self.weights.shape[1]
        return total.index_add_(0, pairs.flatten(), shares.flatten()).view(_POINTS**3, _POINTS**3)


def match_clouds(
    colors: Tensor, goal: Tensor, generator: torch.Generator, *, iterations: int = _ITERATIONS
) -> Tensor:
    """Move float64 colors (3, n) until they are distributed as others, (3, n), are."""
    for _ in range(iterations):
        axes = torch.linalg.qr(torch.randn(3, 3, generator=generator, dtype=torch.float64)).Q
        before, after = axes @ colors, (axes @ goal).sort().values
        places = before.argsort()
        shifts = torch.empty_like(before).scatter_(1, places, after - before.gather(1, places))
        colors = colors + axes.T @ shifts
    return colors


@cache
def _roughness() -> Tensor:
    """The energy of a field's second and first differences, as a matrix of its points (points, points)."""
    one = torch.eye(_POINTS, dtype=torch.float64)
    steps = one.diff(dim=0) * (_POINTS - 1)
    bends = steps.diff(dim=0) * (_POINTS - 1)
    slope, curve = steps.T @ steps, bends.T @ bends
    plane_slope = torch.kron(slope, one) + torch.kron(one, slope)
    plane_curve = torch.kron(curve, one) + torch.kron(one, curve) + 2 * torch.kron(slope, slope)
    along = _BENDING * curve + _TENSION * slope
    across = _BENDING * plane_curve + _TENSION * plane_slope
    energy = torch.kron(along, torch.kron(one, one)) + torch.kron(one, across)
    energy += torch.kron(2 * _BENDING * slope, plane_slope)
    return energy / _POINTS**3 + _REST * torch.eye(_POINTS**3, dtype=torch.float64)

"""Three-dimensional tables of colors (3-D LUTs), applied by tetrahedral interpolation."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from impasto.imaging.color_transfer import from_oklab, to_oklab

Ends = tuple[float, float, float]  # red, green, blue
Steps = tuple[int, int, int]

_AT_ONCE = 1 << 16  # pixels: what is made of them stays in the processor's cache
_BISECTIONS = 20
_TOLERANCE = 1e-4  # of rounding in colors at the border of sRGB


@dataclass(frozen=True)
class Lut:
    """A table of colors at the points of a regular grid, from sRGB to sRGB.

    Attributes:
        table: (N, N, N, 3) float32, by blue, green and red: red changes fastest, as in .cube files.
        title: its name; may be empty.
        low, high: the colors of the first and the last point; colors beyond are clamped to them.
    """

    table: Tensor
    title: str = ""
    low: Ends = (0.0, 0.0, 0.0)
    high: Ends = (1.0, 1.0, 1.0)

    @property
    def points(self) -> int:
        """Points on each side of the grid."""
        return len(self.table)

    @property
    def inputs(self) -> Tensor:
        """The colors of the grid's points, (3, 1, N * N * N)."""
        axes = [torch.linspace(*ends, self.points) for ends in zip(self.low, self.high, strict=True)]
        blue, green, red = torch.meshgrid(*reversed(axes), indexing="ij")
        return torch.stack([red, green, blue]).reshape(3, 1, -1)

    @property
    def outputs(self) -> Tensor:
        """The colors that these are given, (3, 1, N * N * N)."""
        return self.table.reshape(-1, 3).T[:, None]

    def with_outputs(self, colors: Tensor) -> Lut:
        """The same grid with other colors, (3, 1, N * N * N)."""
        return replace(self, table=colors.float()[:, 0].T.reshape(self.table.shape).contiguous())

    def __call__(self, image: Tensor) -> Tensor:
        """Look up (3, H, W) in [0, 1]; returns (3, H, W), clamped to [0, 1].

        The main diagonal divides a cell of the grid into six tetrahedra. A color is interpolated linearly
        between the corners of its own, which lead from the cell's first point to its last one along the axes
        in the order of the color's shares of them.
        """
        planes = image.reshape(3, -1)
        parts = [self._look_up(planes[:, at : at + _AT_ONCE]) for at in range(0, planes.shape[1], _AT_ONCE)]
        return torch.cat(parts).T.reshape(image.shape)

    def _look_up(self, colors: Tensor) -> Tensor:
        """(3, n) to (n, 3)."""
        last, blue_step = self.points - 1, self.points**2
        low, high = (torch.tensor(ends)[:, None] for ends in (self.low, self.high))
        places = ((colors - low) * (last / (high - low))).clamp_(0, last)
        cells = places.floor().clamp_(max=last - 1)
        red, green, blue = places.sub_(cells).unbind()
        most = torch.maximum(torch.maximum(red, green), blue)
        least = torch.minimum(torch.minimum(red, green), blue)
        middle = red + green + blue - most - least
        longest = _pick(red >= green, red >= blue, green >= blue, (1, self.points, blue_step))
        shortest = _pick(red < green, red < blue, green < blue, (1, self.points, blue_step))
        whole = 1 + self.points + blue_step
        cells = cells.int()
        first = cells[0] + self.points * cells[1] + blue_step * cells[2]
        corners = first, first + longest, first + whole - shortest, first + whole
        weights = 1 - most, most - middle, middle - least, least
        flat, mixed = self.table.reshape(-1, 3), torch.zeros(colors.shape[1], 3)
        for corner, weight in zip(corners, weights, strict=True):
            mixed += flat.index_select(0, corner).mul_(weight[:, None])
        return mixed.clamp_(0, 1)


def _pick(red_over_green: Tensor, red_over_blue: Tensor, green_over_blue: Tensor, steps: Steps) -> Tensor:
    """The step along the axis that is over the two others."""
    red, green, blue = (torch.tensor(step, dtype=torch.int32) for step in steps)
    return torch.where(
        red_over_green, torch.where(red_over_blue, red, blue), torch.where(green_over_blue, green, blue)
    )


def identity(points: int) -> Lut:
    """The table that changes nothing."""
    empty = Lut(torch.zeros(points, points, points, 3))
    return empty.with_outputs(empty.inputs)


def adjusted(lut: Lut, amount: float, *, keep_lightness: bool) -> Lut:
    """A table of which a share is applied, from 0 for none, and perhaps without its effect on lightness.

    Lightness is that of Oklab; what is darker or lighter than its color can be loses chroma.
    """
    colors = torch.lerp(lut.inputs, lut.outputs, amount)
    if keep_lightness:
        lab = to_oklab(colors.clamp(0, 1))
        lab[0] = to_oklab(lut.inputs.clamp(0, 1))[0]
        colors = into_gamut(lab)
    return lut.with_outputs(colors)


def into_gamut(oklab: Tensor) -> Tensor:
    """(3, H, W) in Oklab to sRGB in [0, 1]: colors beyond lose chroma, and keep hue and lightness."""
    lightness = oklab[:1].clamp(0, 1)
    least, most = torch.zeros_like(lightness), torch.ones_like(lightness)
    for _ in range(_BISECTIONS):
        share = (least + most) / 2
        inside = _is_inside(from_oklab(torch.cat([lightness, oklab[1:] * share])))
        least, most = torch.where(inside, share, least), torch.where(inside, most, share)
    share = torch.where(_is_inside(from_oklab(torch.cat([lightness, oklab[1:]]))), 1.0, least)
    return from_oklab(torch.cat([lightness, oklab[1:] * share])).clamp(0, 1)


def _is_inside(image: Tensor) -> Tensor:
    return ((image >= -_TOLERANCE) & (image <= 1 + _TOLERANCE)).all(0, keepdim=True)

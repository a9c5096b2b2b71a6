"""Tables of colors that give a photo the colors of a reference, by three methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from impasto.grading.lut import Lut, adjusted, identity, into_gamut
from impasto.grading.options import GradeMethod, GradeOptions
from impasto.grading.transport import transport
from impasto.imaging.color_transfer import color_moments, from_lab, map_colors, scale_lab, to_lab, to_oklab
from impasto.imaging.geometry import fit_long_side
from impasto.imaging.sources import ImageSource, shrunk

LutMaker = Callable[[Tensor, Tensor, Tensor], Tensor]

_COLORS = 12_000  # of each picture
_LONG_SIDE = 384  # pixels of the picture that they are taken from, in which noise is averaged out


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


def _transport(photo: Tensor, reference: Tensor, colors: Tensor) -> Tensor:
    return into_gamut(transport(photo, reference)(colors))


_METHODS: Mapping[GradeMethod, LutMaker] = {
    "transport": _transport,
    "linear": _linear,
    "reinhard": _reinhard,
}

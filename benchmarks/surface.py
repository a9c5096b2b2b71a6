"""The surface of a picture: grain, a network's grid, and the photo's modeling in dark and bright parts."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.imaging.color_transfer import luma, to_lab

_FLAT = 0.25  # share of the positions that count as flat: those of the photo's least local variance
_FIFTH = 0.2
_WINDOW, _CELL = 64, 8  # pixels: of a network's deepest stride
_NORMAL = 0.6745  # median of the absolute value of a standard normal variable


def grain(image: Tensor, photo: Tensor) -> float:
    """Noise level of luma on the photo's flattest quarter, in 1/255.

    Median of the absolute diagonal Haar coefficients over 0.6745 (Donoho & Johnstone 1994). Strokes, which
    have a direction, hardly count; a sandy speckle does. The style's own is `grain(style, style)`.

    Args:
        image, photo: (1, 3, H, W) in [0, 1], of one size.
    """
    height, width = (length // 2 * 2 for length in image.shape[2:])
    painted, seen = (255 * luma(one)[..., :height, :width] for one in (image, photo))
    corners = [painted[..., y::2, x::2] for y in (0, 1) for x in (0, 1)]
    diagonal = (corners[0] - corners[1] - corners[2] + corners[3]) / 2
    mean, square = (F.avg_pool2d(one, 16, 1, 8) for one in (seen, seen * seen))
    variance = (square - mean * mean)[..., :height:2, :width:2]
    flat = variance <= variance.flatten().quantile(_FLAT)
    return float(diagonal[flat].abs().median() / _NORMAL)


def grid(image: Tensor) -> float:
    """How much of the fine texture repeats every 8 pixels, where 1 is what chance gives.

    Fine texture is luma less its mean over 9 x 9 pixels. In each window of 64 x 64 pixels, the variance of
    the mean of all 8 x 8 cells, times their number, is compared with the variance of the pixels; the figure
    is the mean over the windows. A network's weave is far above 1, strokes and photographs are near it.

    Args:
        image: (1, 3, H, W) in [0, 1], at least 64 pixels each way.
    """
    seen = luma(image)
    fine = seen - F.avg_pool2d(seen, 9, 1, 4, count_include_pad=False)
    rows, columns = (length // _WINDOW for length in fine.shape[2:])
    count = _WINDOW // _CELL
    cells = fine[..., : rows * _WINDOW, : columns * _WINDOW].reshape(
        rows, count, _CELL, columns, count, _CELL
    )
    repeated = cells.mean((1, 4)).var(dim=(1, 3), correction=0)
    whole = cells.var(dim=(1, 2, 4, 5), correction=0)
    return float((count**2 * repeated / whole.clamp(min=1e-8)).mean())


def modeling(image: Tensor, photo: Tensor) -> tuple[float, float]:
    """Local contrast of lightness that is kept in the photo's darkest and in its brightest fifth.

    The slope of the picture's local lightness (CIELAB's L, means over 3 x 3 less means over 41 x 41 pixels)
    on the photo's: 1 keeps all of the photo's modeling, 0 none. Strokes do not count, as the photo has none.

    Args:
        image, photo: (1, 3, H, W) in [0, 1], of one size.
    """
    painted, seen = (_local(to_lab(one)[:, :1]) for one in (image, photo))
    lightness = to_lab(photo)[:, :1]
    dark = lightness <= lightness.flatten().quantile(_FIFTH)
    bright = lightness >= lightness.flatten().quantile(1 - _FIFTH)
    kept = []
    for part in (dark, bright):
        own = seen[part]
        kept.append(float((own * painted[part]).mean() / own.square().mean().clamp(min=1e-6)))
    return kept[0], kept[1]


def _local(lightness: Tensor) -> Tensor:
    fine, coarse = (F.avg_pool2d(lightness, n, 1, n // 2, count_include_pad=False) for n in (3, 41))
    return fine - coarse


def measure(image: Tensor, photo: Tensor) -> dict[str, float]:
    """Grain, grid and modeling by name."""
    with torch.inference_mode():
        dark, bright = modeling(image, photo)
        return {"grain": grain(image, photo), "grid": grid(image), "dark": dark, "bright": bright}

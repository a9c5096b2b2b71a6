"""Light beyond white, brought into the range of a picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from impasto.errors import ImageError

_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)  # of linear sRGB


def to_range(values: NDArray[np.floating], name: str) -> tuple[NDArray[np.float32], str | None]:
    """Float samples (H, W, 1 to 4) in [0, 1], and a note if they were tone-mapped.

    Values of at most 1 are a picture's, and stay as they are. Above, they are linear light, where 1 is white,
    and go through Reinhard's curve of 2002, whose white is the brightest pixel, and that of sRGB. A second or
    fourth channel is alpha. Raises ImageError for negative values and what is not a number.
    """
    samples: NDArray[np.float32] = np.array(values, np.float32)
    low, high = float(samples.min()), float(samples.max())
    if not (low >= 0 and high < np.inf):
        raise ImageError(
            f"{name} has values from {low:g} to {high:g}; values of floats start at 0, and 1 is white: "
            "scale them in the program that made them"
        )
    if high <= 1:
        return samples, None
    colors = samples[..., : samples.shape[-1] - 1 + samples.shape[-1] % 2]
    colors[...] = _encode(_reinhard(colors))
    note = f"has values up to {high:g}: they are taken for linear light and tone-mapped by Reinhard's curve"
    return samples.clip(0, 1), note


def _reinhard(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Reinhard et al. 2002, equation 4, on luminance: the brightest pixel becomes white."""
    luminance = light @ _LUMINANCE if light.shape[-1] == 3 else light[..., 0]
    white = max(1.0, float(luminance.max()))
    mapped: NDArray[np.float32] = light * ((1 + luminance / white**2) / (1 + luminance))[..., None]
    return mapped


def _encode(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Linear light as values of sRGB."""
    light = light.clip(0, 1)
    encoded: NDArray[np.float32] = np.where(
        light <= 0.0031308, 12.92 * light, 1.055 * light ** np.float32(1 / 2.4) - 0.055
    )
    return encoded

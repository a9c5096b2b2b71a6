"""Images as networks take them: from tensors, which are checked, and from frames of bytes, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from impasto.errors import ImageError, UsageError

if TYPE_CHECKING:
    from impasto.imaging.video.clip import Pixels

_TOLERANCE = 1e-3  # rounding, as resampling and half precision leave it


def as_image(pixels: Pixels) -> Tensor:
    """Convert (H, W, 3) to (3, H, W) float32 in [0, 1]."""
    return torch.from_numpy(np.divide(pixels, 255, dtype=np.float32)).permute(2, 0, 1)


def as_pixels(image: Tensor) -> Pixels:
    """Convert (3, H, W), which need not be clamped, to (H, W, 3)."""
    levels = image.clamp(0, 1).mul(255).round().byte()
    pixels: Pixels = levels.permute(1, 2, 0).contiguous().cpu().numpy()
    return pixels


def as_batch(image: Tensor) -> Tensor:
    """Check floats (3, H, W) or (N, 3, H, W) in [0, 1]; return (N, 3, H, W). Raises ImpastoError."""
    if image.ndim not in (3, 4) or image.shape[-3] != 3 or not image.numel():
        raise UsageError(f"an image is (3, H, W) or (N, 3, H, W), not {tuple(image.shape)}")
    if not image.is_floating_point():
        raise UsageError(f"an image holds floats in 0..1, not {image.dtype}; divide bytes by 255")
    low, high = (float(value) for value in image.detach().aminmax())
    if not (low >= -_TOLERANCE and high <= 1 + _TOLERANCE):
        raise ImageError(f"the image has values from {low:g} to {high:g}; scale them to the range 0 to 1")
    batch = image.detach() if low >= 0 and high <= 1 else image.detach().clamp(0, 1)
    return batch if batch.ndim == 4 else batch[None]


def paint_bytes(paint: Callable[[Tensor], Tensor], frame: Pixels) -> Pixels:
    """Pass (H, W, 3) through a function of (1, 3, H, W) in [0, 1], whose result need not be clamped."""
    return as_pixels(paint(as_image(frame)[None])[0])

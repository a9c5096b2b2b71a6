"""Images that are handed in as tensors: checked, and as networks take them."""

from __future__ import annotations

from torch import Tensor

from impasto.errors import ImageError, UsageError

_TOLERANCE = 1e-3  # rounding, as resampling and half precision leave it


def as_batch(image: Tensor) -> Tensor:
    """(3, H, W) or (N, 3, H, W) of floats in [0, 1] to (N, 3, H, W). Raises UsageError, ImageError."""
    if image.ndim not in (3, 4) or image.shape[-3] != 3 or not image.numel():
        raise UsageError(f"an image is (3, H, W) or (N, 3, H, W), not {tuple(image.shape)}")
    if not image.is_floating_point():
        raise UsageError(f"an image holds floats in 0..1, not {image.dtype}; divide bytes by 255")
    low, high = (float(value) for value in image.detach().aminmax())
    if not (low >= -_TOLERANCE and high <= 1 + _TOLERANCE):
        raise ImageError(f"the image has values from {low:g} to {high:g}; scale them to the range 0 to 1")
    batch = image.detach() if low >= 0 and high <= 1 else image.detach().clamp(0, 1)
    return batch if batch.ndim == 4 else batch[None]

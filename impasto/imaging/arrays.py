"""Pictures that are already arrays or tensors, checked and brought into one form."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto.errors import ImageError, UsageError

_TOLERANCE = 1e-3  # rounding, as resampling and half precision leave it


def from_numpy(array: NDArray[Any]) -> tuple[Tensor, int]:
    """Convert an array of pixels to (3 or 4, H, W) float32 in [0, 1]; return it and the bit depth.

    Args:
        array: (H, W) or (H, W, 1, 3 or 4); uint8, uint16, or floating point in [0, 1].

    Raises:
        UsageError: another shape or type.
        ImageError: values out of range or not finite.
    """
    pixels = array[..., None] if array.ndim == 2 else array
    if pixels.ndim != 3 or pixels.shape[-1] not in (1, 3, 4):
        raise UsageError(f"an image array is (H, W), (H, W, 3) or (H, W, 4), not {tuple(array.shape)}")
    if pixels.dtype not in (np.uint8, np.uint16) and not np.issubdtype(pixels.dtype, np.floating):
        raise UsageError(f"an image array holds uint8, uint16 or floats in 0..1, not {array.dtype}")
    planes = torch.from_numpy(np.moveaxis(pixels, -1, 0).astype(np.float32))
    if planes.shape[0] == 1:
        planes = planes.expand(3, -1, -1)
    if not np.issubdtype(pixels.dtype, np.integer):
        return _in_range(planes), 8
    return planes / float(np.iinfo(pixels.dtype).max), 16 if pixels.dtype == np.uint16 else 8


def from_tensor(tensor: Tensor) -> Tensor:
    """Copy a (3 or 4, H, W) or (1, 3 or 4, H, W) tensor in [0, 1] to float32 on the CPU.

    Raises:
        UsageError: another shape or type.
        ImageError: values out of range or not finite.
    """
    planes = tensor[0] if tensor.ndim == 4 and tensor.shape[0] == 1 else tensor
    if planes.ndim != 3 or planes.shape[0] not in (3, 4):
        raise UsageError(f"an image tensor is (3, H, W) or (1, 3, H, W), not {tuple(tensor.shape)}")
    if not planes.is_floating_point():
        raise UsageError(f"an image tensor holds floats in 0..1, not {tensor.dtype}; divide bytes by 255")
    return _in_range(planes.detach().to("cpu", torch.float32, copy=True))


def over_white(colors: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay colors (H, W, 3) over white by their straight opacity (H, W)."""
    opacity = alpha[..., None].astype(np.uint16)
    return ((colors * opacity + 255 * (255 - opacity) + 127) // 255).astype(np.uint8)


def without_hidden(image: Tensor, alpha: Tensor) -> Tensor:
    """Replace the colors of (..., 3, H, W) that its opacity (1, H, W) hides wholly by the mean of the others.

    Hidden colors, often black, would shift statistics, and features of neighbours.
    """
    weight = alpha.to(image)
    whole = weight.sum()
    if whole <= 0:
        return image
    mean = (image * weight).sum((-2, -1), keepdim=True) / whole
    return torch.where(weight > 0, image, mean)


def _in_range(planes: Tensor) -> Tensor:
    if not planes.numel():
        return planes
    low, high = planes.aminmax()
    if not (low >= -_TOLERANCE and high <= 1 + _TOLERANCE):
        raise ImageError(f"the image has values from {low:g} to {high:g}; scale them to the range 0 to 1")
    return planes.clamp(0, 1)

"""Base class of style networks: an image in, an image of the same size out."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from typing import Any, ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from impasto.networks.blocks import WHOLE, Context


class StyleNetwork(nn.Module):
    """Style network: (N, 3, H, W) in [0, 1] to a picture of this shape, about [0, 1] and not clamped.

    Subclasses define `paint` for sides that are multiples of `multiple`; other sizes are padded with the
    border's pixels and cropped afterwards. `least_side` is a multiple of `multiple`. `config` holds the
    keywords that the network was built with, in JSON's types: lists, no tuples.
    """

    name: ClassVar[str]
    multiple: int = 1
    least_side: int = 1
    config: dict[str, Any]

    def paint(self, image: Tensor, context: Context = WHOLE) -> Tensor:
        """Stylize an image whose sides are multiples of `multiple`, and at least `least_side`."""
        raise NotImplementedError

    def forward(self, image: Tensor, context: Context = WHOLE) -> Tensor:
        """Stylize images (N, 3, H, W) of any size; the result has their size."""
        return self.pad_and_crop(image, lambda padded: self.paint(padded, context))

    def pad_and_crop(self, image: Tensor, paint: Callable[[Tensor], Tensor]) -> Tensor:
        """Pad, apply `paint`, and crop to the original size."""
        height, width = image.shape[-2:]
        down, right = self.padding(height, width)
        if down or right:
            image = F.pad(image, (0, right, 0, down), mode="replicate")
        return paint(image)[..., :height, :width]

    def padding(self, height: int, width: int) -> tuple[int, int]:
        """Pixels to add below and to the right of an image of this size."""
        down, right = (_missing(side, self.multiple, self.least_side) for side in (height, width))
        return down, right


def _missing(side: int, multiple: int, least: int) -> int:
    return max(-(-side // multiple) * multiple, least) - side


def whole_numbers(
    name: str, values: Sequence[int], *, count: Container[int] | None = None, least: int = 1, most: int = 4096
) -> list[int]:
    """Check a keyword's values and return them as a list; the limits reject absurdly large networks in files.

    Raises ValueError unless the values are whole numbers from `least` to `most`, as many as `count` allows.
    """
    if not isinstance(values, (list, tuple)):
        raise ValueError(f"{name} must be a list of whole numbers")
    for value in values:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ValueError(f"{name} must be whole numbers from {least} to {most}, not {value!r:.40}")
    if count is not None and len(values) not in count:
        raise ValueError(f"{name} cannot be {len(values)} numbers")
    return list(values)

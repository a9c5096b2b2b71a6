"""Progress events of running jobs. Imports nothing from the package."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Step:
    """Progress event of a painting, one per gradient.

    `image` is the picture so far, float32 sRGB, (3, H, W) in [0, 1], at the size of its scale. The copy is
    made on first use, so that an event without use of the image costs nothing.
    """

    scale: int  # index of the scale, from 0
    scales: int  # number of scales
    size: tuple[int, int]  # height, width of this scale in pixels
    iteration: int  # within the scale, from 1
    iterations: int  # planned for the scale
    done: float  # share of the whole work done so far, by its estimated cost, 0..1
    losses: dict[str, float]  # "total" and each named term, unweighted
    snapshot: Callable[[], Tensor] = field(repr=False)

    @property
    def image(self) -> Tensor:
        """Picture so far, float32 sRGB, (3, H, W) in [0, 1]."""
        return self.snapshot()


StepCallback = Callable[[Step], None]

"""Progress events of running jobs. Imports nothing of the package."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Step:
    """One iterate of a painting.

    `image` is the picture so far, float32 sRGB, (3, H, W) in [0, 1], at the size of its scale; it is a copy
    made on first use, so that looking at every iterate costs nothing to those who do not.
    """

    scale: int  # index of the scale, from 0
    scales: int  # how many scales there are
    size: tuple[int, int]  # height, width of this scale in pixels
    iteration: int  # within the scale, from 1
    iterations: int  # planned for the scale
    done: float  # share of the whole work done so far, by its estimated cost, 0..1
    losses: dict[str, float]  # "total" and each named term, unweighted
    snapshot: Callable[[], Tensor] = field(repr=False)

    @property
    def image(self) -> Tensor:
        return self.snapshot()


StepCallback = Callable[[Step], None]

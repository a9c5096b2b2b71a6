"""Options of color grading. All defaults are defined here; imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from impasto.errors import UsageError
from impasto.options import check_choice, check_range

GradeMethod = Literal["transport", "linear", "reinhard"]
SIZES = (17, 33, 65)


@dataclass(frozen=True)
class GradeOptions:
    """Options of a grade. Raises UsageError for invalid values.

    Attributes:
        method: "transport" gives the photo the reference's distribution of colors by a smooth table; "linear"
            its mean and covariance (Pitié & Kokaram 2007); "reinhard" the mean and deviation of each channel
            of CIELAB (Reinhard et al. 2001).
        amount: from 0, the photo, to 1, the whole grade.
        keep_lightness: change hue and chroma only.
        lut_size: points on each side of the table that is made: 17, 33 or 65.
    """

    method: GradeMethod = "transport"
    amount: float = 1.0
    keep_lightness: bool = False
    lut_size: int = 33

    def __post_init__(self) -> None:
        check_choice("method", self.method, GradeMethod)
        check_range("amount", self.amount, 0, 1)
        if self.lut_size not in SIZES:
            raise UsageError(
                f"lut_size is {', '.join(map(str, SIZES[:-1]))} or {SIZES[-1]}, not {self.lut_size}"
            )

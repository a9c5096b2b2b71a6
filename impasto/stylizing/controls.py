"""Options of any network beside style and strength. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from impasto.options import KeepColor, accepts_earlier_names, check_choice, check_range

LEAST_STROKE, MOST_STROKE = 0.25, 4.0


@accepts_earlier_names
@dataclass(frozen=True)
class StyleControls:
    """Options that restore properties of the photo. Raises UsageError for invalid values.

    Attributes:
        keep_color: keep the photo's colors: "luminance" takes only light and dark from the picture,
            "histogram" and "lab-transfer" move the picture's colors as a whole.
        keep_color_amount: from 0, the style's colors, to 1.
        detail: how much of the photo's fine structure returns, from 0 to 1.
        stroke_size: strokes are so many times as large, from 0.25 to 4. The network sees the photo smaller or
            larger by as much, so that large strokes blur what is finer than they are: `detail` returns it.
    """

    keep_color: KeepColor = "none"
    keep_color_amount: float = 1.0
    detail: float = 0.0
    stroke_size: float = 1.0

    def __post_init__(self) -> None:
        check_choice("keep_color", self.keep_color, KeepColor)
        check_range("keep_color_amount", self.keep_color_amount, 0, 1)
        check_range("detail", self.detail, 0, 1)
        check_range("stroke_size", self.stroke_size, LEAST_STROKE, MOST_STROKE)

    @property
    def is_statistical(self) -> bool:
        """Return whether the color of a pixel depends on all others."""
        return self.keep_color in ("histogram", "lab-transfer") and self.keep_color_amount > 0

    def record(self) -> dict[str, Any]:
        """Non-default fields as a JSON-serializable dict."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value != getattr(StyleControls, name)}

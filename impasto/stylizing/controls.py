"""Options of any network beside style and strength. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from impasto.options import PREDICTED_LIGHT, KeepColor, accepts_earlier_names, check_choice, check_range

LEAST_STROKE, MOST_STROKE = 0.25, 4.0


@accepts_earlier_names
@dataclass(frozen=True)
class StyleControls:
    """Options that restore properties of the photo. Raises UsageError for invalid values.

    Attributes:
        keep_color: keep the photo's colors: "luminance" takes only light and dark from the picture,
            "histogram" and "lab-transfer" move the picture's colors as a whole.
        keep_color_amount: from 0, the style's colors, to 1.
        keep_light: how much of the photo's large-scale light and color returns, in the picture's own range of
            colors, from 0 to 1. None is 0.75 for styles that are any pictures, and 0 for trained ones.
        detail: how much of the photo's fine structure returns, from 0 to 1.
        stroke_size: strokes are so many times as large, from 0.25 to 4. The network sees the photo smaller or
            larger by as much, so that large strokes blur what is finer than they are: `detail` returns it.
    """

    keep_color: KeepColor = "none"
    keep_color_amount: float = 1.0
    keep_light: float | None = None
    detail: float = 0.0
    stroke_size: float = 1.0

    def __post_init__(self) -> None:
        check_choice("keep_color", self.keep_color, KeepColor)
        check_range("keep_color_amount", self.keep_color_amount, 0, 1)
        if self.keep_light is not None:
            check_range("keep_light", self.keep_light, 0, 1)
        check_range("detail", self.detail, 0, 1)
        check_range("stroke_size", self.stroke_size, LEAST_STROKE, MOST_STROKE)

    @property
    def is_statistical(self) -> bool:
        """Return whether the color of a pixel depends on all others."""
        keeps_color = self.keep_color in ("histogram", "lab-transfer") and self.keep_color_amount > 0
        return keeps_color or bool(self.keep_light)

    def for_networks(self, *, predicted: bool) -> StyleControls:
        """Fill in the default of `keep_light`, which depends on where the networks come from."""
        return replace(self, keep_light=PREDICTED_LIGHT) if predicted and self.keep_light is None else self

    def record(self) -> dict[str, Any]:
        """Non-default fields as a JSON-serializable dict."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value != getattr(StyleControls, name)}

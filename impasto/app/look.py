"""A visitor's request for a picture, translated to options of the engines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from impasto import backbones, styles
from impasto.errors import UsageError
from impasto.options import check_range
from impasto.painting.options import STARTS, PaintOptions
from impasto.stylizing.controls import StyleControls

PICTURE = "picture"  # the folder of the picture that a card was trained on
_CARD = ".safetensors"
BALANCED = 0.5  # strength of a painting that is to a photo what a whole trained style is

WeightedStyle = tuple[str | Path, float]  # a shipped name or a visitor's picture or card, and its share


@dataclass(frozen=True)
class StyleRequest:
    """Immutable and checked.

    Attributes:
        styles: one or two, with shares that add up to 1. A text is a shipped name: what a visitor types never
            names a file here.
        strength: 0 leaves the photo, 1 is all style.
        handles: stroke size, the photo's colors, its detail.
        size: long side of a painting in pixels.
        seed: of a painting.
        expert: further fields of `PaintOptions`.

    Raises UsageError for a value or a name that cannot mean anything.
    """

    styles: tuple[WeightedStyle, ...]
    strength: float = 1.0
    handles: StyleControls = field(default_factory=StyleControls)
    size: int = 512
    seed: int = 0
    expert: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_range("strength", self.strength, 0, 1)
        if not self.styles:
            raise UsageError("choose a style, or drop a picture whose look is to be taken")
        for style, _ in self.styles:
            if isinstance(style, str) and style not in names():
                raise UsageError(f"there is no style {style}: choose one of {', '.join(names())}")
        for name, known in (("init", STARTS), ("backbone", backbones.NAMES)):  # elsewhere, files may be named
            if self.expert.get(name, known[0]) not in known:
                raise UsageError(f"{name} is one of {', '.join(known)} here, not {self.expert[name]}")
        self.painting()  # checks the rest

    @property
    def name(self) -> str:
        """Such as "starry-night", or "starry-night and wave"."""
        return " and ".join(Path(style).stem for style, share in self.styles if share > 0)

    @property
    def files(self) -> tuple[tuple[str, float], ...]:
        """The styles as `Stylizer` takes them."""
        return tuple((str(style), share) for style, share in self.styles if share > 0)

    @property
    def pictures(self) -> list[tuple[Path, float]]:
        """The styles as pictures, which is what a painting needs. Raises UsageError where there is none."""
        return [(_picture(style), share) for style, share in self.styles if share > 0]

    @property
    def is_painted(self) -> bool:
        """Return whether a quick painting answers better than networks: not each style was learned by one."""
        learned = [style in styles.cards() or Path(style).suffix == _CARD for style, _ in self.styles]
        return not all(learned) and all(_find_picture(style) for style, _ in self.styles)

    def painting(self) -> PaintOptions:
        """The options of a painting."""
        asked = asdict(self.handles)
        del asked["keep_light"]  # a painting begins with the photo's light
        return PaintOptions(
            **{
                **asked,
                "strength": BALANCED * self.strength,
                "size": self.size,
                "seed": self.seed,
                **self.expert,
            }
        )


def names() -> list[str]:
    """The styles that ship: trained ones, then pictures."""
    return [*styles.cards(), *(name for name in styles.pictures() if name not in styles.cards())]


def mix(first: str | Path, second: str | Path | None, share: float) -> tuple[WeightedStyle, ...]:
    """One style, or two of which the second has a share from 0 to 1."""
    check_range("share", share, 0, 1)
    if second is None or second == first or not share:
        return ((first, 1.0),)
    return ((first, 1.0 - share), (second, share))


def picture_of(style: Path) -> Path | None:
    """A picture itself; of a card, the one that it was trained on, which lies in a folder beside it."""
    if style.suffix != _CARD:
        return style
    return next(style.parent.glob(f"{PICTURE}/*"), None)


def _picture(style: str | Path) -> Path:
    path = _find_picture(style)
    if path is None:
        raise UsageError(f"{style} is a trained style without a picture, which painting needs: drop one")
    return path


def _find_picture(style: str | Path) -> Path | None:
    path = styles.find(style) if isinstance(style, str) else picture_of(style)
    return None if path is None or path.suffix == _CARD else path

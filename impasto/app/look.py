"""Translate a visitor's request for a picture to options of the engines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from impasto import backbones, styles
from impasto.errors import UsageError
from impasto.networks.card import load_summary
from impasto.options import check_range
from impasto.painting.options import STARTS, PaintOptions
from impasto.stylizing.options import StyleControls

PICTURE = "picture"  # the folder of the picture that a card was trained on
_CARD = ".safetensors"
BALANCED = 0.5  # strength of a painting that matches a trained style at strength 1

WeightedStyle = tuple[str | Path, float]  # a shipped name or an uploaded picture or card, and its share


@dataclass(frozen=True)
class StyleRequest:
    """A request for a picture in one style or a mix of two.

    Attributes:
        styles: one or two, with shares that add up to 1. A string is always a shipped name, never a path, so
            that no request can name a file of this machine.
        strength: 0 leaves the photo, 1 is all style.
        handles: stroke size, the photo's colors, its detail.
        size: long side of a painting in pixels.
        seed: of a painting.
        expert: further fields of `PaintOptions`.

    Raises UsageError for an invalid value or an unknown name.
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
            raise UsageError("choose a style, or drop a picture to use as a style")
        for style, _ in self.styles:
            if isinstance(style, str) and style not in names():
                raise UsageError(f"there is no style named {style}: choose one of {', '.join(names())}")
        for name, known in (("init", STARTS), ("backbone", backbones.NAMES)):  # elsewhere, files may be named
            if self.expert.get(name, known[0]) not in known:
                raise UsageError(f"{name} must be one of {', '.join(known)} here, not {self.expert[name]}")
        self.painting()  # checks the rest

    @property
    def name(self) -> str:
        """Names of the styles, such as "starry-night", or "starry-night and wave"."""
        return " and ".join(Path(style).stem for style, share in self.styles if share > 0)

    @property
    def title(self) -> str:
        """Titles of the styles, such as "The Scream, Edvard Munch, 1893"."""
        return " and ".join(title_of(style) for style, share in self.styles if share > 0)

    @property
    def files(self) -> tuple[tuple[str, float], ...]:
        """The styles as `Stylizer` takes them: pairs of a name or path and a share."""
        return tuple((str(style), share) for style, share in self.styles if share > 0)

    @property
    def pictures(self) -> list[tuple[Path, float]]:
        """The styles as pictures, which a painting needs. Raises UsageError for a card without a picture."""
        return [(_picture(style), share) for style, share in self.styles if share > 0]

    @property
    def is_painted(self) -> bool:
        """Return whether a quick painting is better than networks: a style without a trained network."""
        learned = [style in styles.cards() or Path(style).suffix == _CARD for style, _ in self.styles]
        return not all(learned) and all(_find_picture(style) for style, _ in self.styles)

    def painting(self) -> PaintOptions:
        """Return the options of a painting."""
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
    """Return the names of shipped styles: trained ones, then pictures."""
    return [*styles.cards(), *(name for name in styles.pictures() if name not in styles.cards())]


def title_of(style: str | Path) -> str:
    """Return what the page calls a style: title, artist and year of a known work, else its name."""
    return shipped_title(style) if isinstance(style, str) else style.stem


@cache
def shipped_title(name: str) -> str:
    """Return "The Scream, Edvard Munch, 1893" for a known work, "Swirling night" for a name."""
    if path := styles.cards().get(name):
        summary = load_summary(path)
        return ", ".join(filter(None, (summary.title, summary.artist, summary.year)))
    return name.replace("-", " ").capitalize()


def mix(first: str | Path, second: str | Path | None, share: float) -> tuple[WeightedStyle, ...]:
    """Return one style, or two if the second has a share above 0 (of 0 to 1)."""
    check_range("share", share, 0, 1)
    if second is None or second == first or not share:
        return ((first, 1.0),)
    return ((first, 1.0 - share), (second, share))


def picture_of(style: Path) -> Path | None:
    """Return a style picture itself; for a card, the picture it was trained on, in a folder beside it."""
    if style.suffix != _CARD:
        return style
    return next(style.parent.glob(f"{PICTURE}/*"), None)


def _picture(style: str | Path) -> Path:
    path = _find_picture(style)
    if path is None:
        raise UsageError(f"{style} is a trained style without a picture, and painting needs one")
    return path


def _find_picture(style: str | Path) -> Path | None:
    path = styles.find(style) if isinstance(style, str) else picture_of(style)
    return None if path is None or path.suffix == _CARD else path

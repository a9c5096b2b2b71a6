"""What the benchmarks run on: the pairs, chosen before any result was seen, and the options of a run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from impasto import PaintOptions

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT.parent / "shared"  # reference weights, pictures and judge; not part of the project
SHIPPED_PHOTO = ROOT / "examples" / "pictures" / "summer-palace.jpg"
SHIPPED_STYLES = ROOT / "impasto" / "styles" / "pictures"

# Cities, faces, animals, still lifes, coasts and buildings by day and night; fourteen paintings, from the
# boldest to the finest brush. The first four are also painted at several strengths and with exact features.
_CHOSEN = (
    ("tuebingen", "00060", "starry-night-van-gogh"),
    ("golden-gate", "00072", "the-scream-munch"),
    ("chicago", "00026", "great-wave-off-kanagawa-hokusai"),
    ("man-with-cap", "00045", "self-portrait-van-gogh"),
    ("bear", "00049", "composition-vii-kandinsky"),
    ("owl", "00094", "seascape-at-port-en-bessin-seurat"),
    ("taj-mahal", "00081", "wheat-field-with-cypresses-van-gogh"),
    ("cake", "00078", "the-basket-of-apples-cezanne"),
    ("london-bus", "00062", "the-place-du-havre-pissarro"),
    ("elephant", "00011", "arlesiennes-gauguin"),
    ("coast", "00085", "cliff-walk-at-pourville-monet"),
    ("stata-center", "00069", "portrait-of-pablo-picasso-gris"),
    ("parasol", "00059", "two-sisters-renoir"),
    ("hoover-tower", "00076", "starry-night-over-the-rhone-van-gogh"),
)

# Photos, styles and results that others published, by the judge's side; nothing of it is in the repository.
_PUBLISHED = {
    "golden-gate": ("starry", "scream", "matisse", "escher", "kahlo", "seated"),
    "chicago": ("wave", "scream", "shipwreck"),
}
_PUBLISHERS = {"golden-gate": "neural-style-pt", "chicago": "lengstrom"}
CLOSER = 4  # how many pairs are looked at more closely


@dataclass(frozen=True)
class Pair:
    """A photo, a style picture, and a name for both."""

    name: str
    photo: Path
    style: Path


@dataclass(frozen=True)
class Settings:
    """What the command line asked for. `iterations` None is the default of `PaintOptions`."""

    size: int = 512
    pairs: int = len(_CHOSEN)
    iterations: int | None = None
    backbone: str = PaintOptions.backbone
    exact: str = "default"  # strengths painted with exact features: none, default or all
    reference: Path = REFERENCE
    results: Path = ROOT / "benchmarks" / "results"
    pictures: Path = ROOT / "out" / "benchmarks"

    @property
    def options(self) -> PaintOptions:
        """The defaults, but for what was asked for."""
        options = PaintOptions(size=self.size, backbone=self.backbone)
        return replace(options, iterations=self.iterations) if self.iterations else options

    @property
    def compressed(self) -> Path:
        """The sixteenfold compressed VGG-19."""
        return self.reference / "weights" / "vgg19-16x.safetensors"

    def published(self) -> dict[Pair, Path]:
        """What others published of a photo in a style, by the pair."""
        folder = self.reference / "evidence" / "published"
        return {
            Pair(f"{photo}-{style}", folder / f"{photo}.jpg", folder / f"style-{style}.jpg"): (
                folder / f"{photo}-{style}-{_PUBLISHERS[photo]}.jpg"
            )
            for photo, styles in _PUBLISHED.items()
            for style in styles
            if folder.is_dir()
        }

    def chosen(self) -> list[Pair]:
        """The reference pairs, as many as asked for; without the reference, the shipped pictures."""
        data = self.reference / "data"
        if not data.is_dir():
            styles = sorted(SHIPPED_STYLES.glob("*.jpg"))
            pairs = [Pair(f"summer-palace-{style.stem}", SHIPPED_PHOTO, style) for style in styles]
        else:
            photos, paintings = data / "photos" / "val", data / "paintings" / "classic"
            pairs = [
                Pair(name, photos / f"{photo}.jpg", paintings / f"{style}.jpg")
                for name, photo, style in _CHOSEN
            ]
        return pairs[: self.pairs]

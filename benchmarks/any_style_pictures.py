"""Which paintings were never learned from, here or by our own network, and which were."""

from __future__ import annotations

from pathlib import Path

# Chosen before any result was seen: all classics but those that the shipped styles were learned from, and
# four of the collection, evenly.
HELD_OUT = (
    "classic/arlesiennes-gauguin",
    "classic/arrival-of-the-normandy-train-monet",
    "classic/chrysanthemums-caillebotte",
    "classic/cliff-walk-at-pourville-monet",
    "classic/girl-with-a-pearl-earring-vermeer",
    "classic/lion-hunt-delacroix",
    "classic/seascape-at-port-en-bessin-seurat",
    "classic/self-portrait-van-gogh",
    "classic/starry-night-over-the-rhone-van-gogh",
    "classic/the-basket-of-apples-cezanne",
    "classic/the-bedroom-van-gogh",
    "classic/the-harvest-of-buckwheat-serusier",
    "classic/the-harvesters-bruegel",
    "classic/the-place-du-havre-pissarro",
    "classic/two-sisters-renoir",
    "classic/venice-porch-of-madonna-della-salute-turner",
    "train/00117",
    "train/00351",
    "train/00585",
    "train/00819",
)
ALIKE = ("train/00092", "train/00896")  # other reproductions of works held out


def photos(reference: Path, count: int) -> list[Path]:
    """Evenly from the validation set."""
    return _evenly(sorted((reference / "data" / "photos" / "val").glob("*.jpg")), count)


def paintings(reference: Path, count: int) -> list[Path]:
    """Evenly from those held out."""
    return _evenly([reference / "data" / "paintings" / f"{name}.jpg" for name in HELD_OUT], count)


def learned_from(reference: Path) -> list[str]:
    """All others, relative to the folder of paintings."""
    folder = reference / "data" / "paintings"
    found = sorted(path for part in ("train", "classic") for path in (folder / part).glob("*.jpg"))
    names = [path.relative_to(folder).with_suffix("").as_posix() for path in found]
    return [f"{name}.jpg" for name in names if name not in HELD_OUT + ALIKE]


def _evenly(every: list[Path], count: int) -> list[Path]:
    return [every[number * len(every) // count] for number in range(min(count, len(every)))]

"""The picture of the architecture: the packages of the package by layer, as the test of the layers has them.

python -m docs.generators.layers     # writes docs/images/architecture.svg anew
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "docs" / "images" / "architecture.svg"
_TEST = ROOT / "tests" / "test_layering.py"

# what a package is for, in a few words
WORDS = {
    "cli": "flags, progress, messages",
    "app": "the web app",
    "diagnosis": "what this machine can do, and what to do",
    "grading": "colors of a reference, as tables",
    "export": "networks for other programs",
    "stylizing": "networks at work, on all pictures",
    "evaluation": "measures of finished work",
    "painting": "optimise pixels, coarse to fine",
    "training": "make a network for a style",
    "recipes": "published systems as data",
    "styles": "cards that ship",
    "encoding": "any picture to a style card",
    "perception": "how far from a style, from a photo",
    "backbones": "frozen networks that see",
    "networks": "networks that paint",
    "losses": "one formula a function",
    "imaging": "files, colors, masks, motion, video",
    "weights": "verified downloads",
    "progress": "events",
    "device": "where to compute",
    "options": "what is checked",
    "atomic_files": "files in the making",
    "safe_paths": "of files, checked",
    "errors": "sentences for people",
}
# what a layer is called, by one of its packages
LANES = {
    "cli": "fronts",
    "stylizing": "uses",
    "painting": "jobs",
    "perception": "mathematics",
    "imaging": "materials",
    "progress": "ground",
}

_WIDTH, _LEFT, _ROW, _BOX, _GAP = 960, 110, 74, 50, 12  # pixels
_LETTER = 6.5  # the width of one, of the small ones
_FILLS = ("#f6d9a8", "#f2c6a0", "#e8b4a0", "#d9b3c4", "#c9b6dd", "#b4bde6", "#a9cbe3", "#a9d8cf", "#b9dcb5")


def layers() -> list[list[str]]:
    """The packages that there are, from the top layer down."""
    tree = ast.parse(_TEST.read_text(encoding="utf-8"))
    values = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    there = {path.name.removesuffix(".py") for path in (ROOT / "impasto").iterdir()}
    layers = ast.literal_eval(values["LAYERS"])
    return [[package for package in packages if package in there] for packages in layers]


def svg() -> str:
    """The picture. Its colors stand on a light and on a dark page."""
    rows = layers()
    height = _ROW * len(rows)
    parts = [
        part
        for number, packages in enumerate(rows)
        for part in _row(number, packages, number < len(rows) - 1)
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        'font-family="system-ui, sans-serif" role="img">\n'
        "<title>The packages of impasto. Imports point downwards only.</title>\n"
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _row(number: int, packages: list[str], arrow: bool) -> Iterator[str]:
    top = number * _ROW
    width = (_WIDTH - _LEFT - _GAP * (len(packages) - 1)) / max(1, len(packages))
    label = next((LANES[package] for package in packages if package in LANES), "")
    yield f'<text x="0" y="{top + 31}" font-size="15" fill="#8a8a8a">{label}</text>'
    for place, package in enumerate(packages):
        if len(WORDS.get(package, "")) * _LETTER > width:
            raise ValueError(f"what {package} is for does not fit into its box: say it in fewer words")
        left = _LEFT + place * (width + _GAP)
        middle = left + width / 2
        yield (
            f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{_BOX}" rx="8" '
            f'fill="{_FILLS[number % len(_FILLS)]}"/>'
        )
        yield _text(middle, top + 21, 16, "600", package)
        yield _text(middle, top + 39, 12, "400", WORDS.get(package, ""))
    if arrow:
        x, y = _LEFT + (_WIDTH - _LEFT) / 2, top + _BOX + 4
        yield f'<path d="M{x - 7} {y + 6}l7 8 7-8" fill="none" stroke="#8a8a8a" stroke-width="2"/>'


def _text(x: float, y: int, size: int, weight: str, words: str) -> str:
    return (
        f'<text x="{x:.1f}" y="{y}" font-size="{size}" font-weight="{weight}" text-anchor="middle" '
        f'fill="#2b2118">{escape(words)}</text>'
    )


if __name__ == "__main__":
    PICTURE.write_text(svg(), encoding="utf-8")

"""What the package holds of others' and our own work, and on which terms: from the files that ship."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from impasto import styles
from impasto.backbones.vgg import PUBLISHED
from impasto.networks.card import Card

from .tables import table

_SCORES = ("held_out_loss", "judge_style", "judge_content")
_TOLD_ELSEWHERE = {  # whose metadata have a long text
    "matplotlib": "Matplotlib license (after PSF)",
    "scikit-image": "BSD-3-Clause",
}
FOR_DEVELOPERS = ("dev", "docs", "fuzz", "notebooks")  # extras that no user needs
ROOT = Path(__file__).resolve().parents[2]
NOTICE, PROJECT = ROOT / "NOTICE", ROOT / "pyproject.toml"


def style_cards() -> str:
    """A table of the shipped cards: works, artists, years, licences, and where the works hang."""
    rows = [
        [f"`{name}`", f"{card.artist}, *{card.title}*, {card.year}", card.origin, card.licence]
        for name, card in _cards().items()
    ]
    return table(["style", "work", "what and where", "licence"], rows)


def style_scores() -> str:
    """A table of what each card was trained with, and what was measured on it; then what it learned from."""
    rows = [
        [
            f"`{name}`",
            f"`{card.network}`",
            card.options.get("content_weight", "-"),
            *(f"{card.scores[score]:.3f}" if score in card.scores else "-" for score in _SCORES),
        ]
        for name, card in _cards().items()
    ]
    head = ["style", "network", "content weight", "held-out loss", "style error", "content error"]
    data = "; ".join(sorted({card.training_data for card in _cards().values()}))
    return f"{table(head, rows)}\n\nTrained on {data}."


def downloads() -> str:
    """A table of the weights that a user may have downloaded."""
    rows = [
        [
            f"`{name}`",
            weights.origin,
            weights.licence,
            f"{weights.size / 1e6:.0f} MB",
            f"`{weights.sha256[:16]}…`",
        ]
        for name, weights in PUBLISHED.items()
    ]
    return table(["backbone", "from", "licence", "size", "SHA-256"], rows)


def dependencies() -> str:
    """A table of the libraries that impasto needs, at any depth, and of those that its extras ask for."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    needed = _closure(project["dependencies"])
    asked: dict[str, list[str]] = {}
    for extra, lines in project["optional-dependencies"].items():
        for requirement in map(Requirement, lines if extra not in FOR_DEVELOPERS else ()):
            for name in (requirement.name, *(f"{requirement.name}-{more}" for more in requirement.extras)):
                asked.setdefault(canonicalize_name(name), []).append(f"`{extra}`")
    rows = [[name, "every use", licence_of(name)] for name in needed]
    rows += [
        [name, ", ".join(by), licence_of(name)]
        for name, by in sorted(asked.items())
        if name not in needed and _is_here(name)
    ]
    return table(["library", "for", "licence"], rows)


def licence_of(name: str) -> str:
    """What a library's metadata says: an expression, classes, or the first line of a text; "?" for none."""
    if name in _TOLD_ELSEWHERE:
        return _TOLD_ELSEWHERE[name]
    about = metadata.metadata(name)
    classes = [one for one in about.get_all("Classifier") or () if one.startswith("License :: ")]
    told = [one.rpartition(" :: ")[2] for one in classes if one != "License :: OSI Approved"]
    text = (about.get("License") or "").strip().partition("\n")[0]
    return str(
        about.get("License-Expression") or (text if len(text) < 60 else "") or " AND ".join(told) or "?"
    )


def _closure(lines: Iterable[str]) -> list[str]:
    """What these requirements bring on this machine, at any depth: other machines need other parts."""
    found: set[str] = set()
    waiting = [*lines]
    while waiting:
        requirement = Requirement(waiting.pop())
        name = canonicalize_name(requirement.name)
        holds = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if holds and name not in found and _is_here(name):
            found.add(name)
            waiting += metadata.requires(name) or ()
    return sorted(found)


def _is_here(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def notice() -> str:
    """NOTICE, as it goes with every copy."""
    return f"```text\n{NOTICE.read_text(encoding='utf-8').strip()}\n```"


def _cards() -> dict[str, Card]:
    return {name: styles.load(name) for name in styles.cards()}

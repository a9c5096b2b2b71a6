"""The reference of the package's public names: one entry for each, which mkdocstrings fills from the code."""

from __future__ import annotations

import impasto


def page() -> str:
    """Functions first, then classes, as `impasto.__all__` has them."""
    names = [name for name in impasto.__all__ if not name.startswith("_")]
    ordered = sorted(names, key=lambda name: (isinstance(getattr(impasto, name), type), name.lower()))
    return "\n\n".join(f"::: impasto.{name}" for name in ordered)

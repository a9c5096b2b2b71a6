"""Short hashes, by which content is known again. Imports nothing from the package."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def short_hash(parts: Iterable[bytes], digits: int = 16) -> str:
    """Compute the first hexadecimal digits of the SHA-256 of all parts, one after the other."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(part)
    return whole.hexdigest()[:digits]

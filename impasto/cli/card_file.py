"""Check the output file of commands that write a trained network. Imports no torch."""

from __future__ import annotations

from pathlib import Path

from impasto.errors import UsageError
from impasto.imaging.files import check_target


def check_card_file(out: Path, *, replaces: bool) -> None:
    """Raises UsageError and ImageError where no .safetensors file can be written, or one would be lost."""
    if check_target(out).suffix != ".safetensors":
        raise UsageError(f"{out} must end in .safetensors")
    if out.exists() and not replaces:
        raise UsageError(f"{out} exists: name another file, or replace it with --overwrite")

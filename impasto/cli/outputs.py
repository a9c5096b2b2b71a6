"""Check the outputs of commands before any work, so that nothing is lost. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from impasto.errors import UsageError
from impasto.imaging.files import check_target


def check_free(out: Path, *, replaces: bool) -> None:
    """Raise UsageError for a file that exists, unless it is to be replaced."""
    if out.exists() and not replaces:
        raise UsageError(f"{out} exists: name another file, or replace it with --overwrite")


def check_apart(targets: Iterable[Path], read: Iterable[Path], what: str = "an input") -> None:
    """Raise UsageError for a target that is one of the files that are read."""
    taken = {path.resolve() for path in read}
    for target in targets:
        if target.resolve() in taken:
            raise UsageError(f"output {target} is the same file as {what}: choose another name")


def check_card_file(out: Path, *, replaces: bool) -> None:
    """Raises UsageError and ImageError where no .safetensors file can be written, or one would be lost."""
    if check_target(out).suffix != ".safetensors":
        raise UsageError(f"{out} must end in .safetensors")
    check_free(out, replaces=replaces)

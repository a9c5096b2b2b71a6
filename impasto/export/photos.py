"""Read the photos that an export is calibrated and measured on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from impasto import styles
from impasto.errors import ImageError, UsageError
from impasto.imaging import io
from impasto.imaging.geometry import fit_long_side, resize

MOST, LONG_SIDE, LEAST_SIDE = 32, 384, 64  # photos; pixels


def read_photos(paths: Sequence[Path]) -> list[Tensor]:
    """Read up to MOST photos, (1, 3, H, W) in [0, 1], up to LONG_SIDE pixels; by default the shipped one.

    From more than MOST photos, an evenly spaced selection is taken, in the order of names. Files in folders
    that are not pictures are skipped.

    Raises:
        ImageError: a file that cannot be read.
        UsageError: a path that does not exist, or no photo in any folder.
    """
    files = _files(paths) if paths else [styles.sample()]
    photos: list[Tensor] = []
    for path in _evenly(files):
        try:
            image, _ = io.read(path)
        except ImageError:
            if path in paths:
                raise
            continue
        if min(image.shape[1:]) >= LEAST_SIDE:
            size = (image.shape[1], image.shape[2])
            photos.append(resize(image[None], fit_long_side(size, min(LONG_SIDE, max(size)))).clamp(0, 1))
    if not photos:
        names = ", ".join(map(str, paths))
        raise UsageError(f"there are no photos of {LEAST_SIDE} pixels or more in {names}")
    return photos


def _files(paths: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path} does not exist; check its name and folder")
        found += sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    return found


def _evenly(files: Sequence[Path]) -> list[Path]:
    count = min(MOST, len(files))
    return [files[place * len(files) // count] for place in range(count)]

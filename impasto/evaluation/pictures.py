"""Read pictures for comparison: at one size, without transparency."""

from __future__ import annotations

import hashlib
from pathlib import Path

from torch import Tensor

from impasto.errors import ImageError
from impasto.imaging import io
from impasto.imaging.color_transfer import match_colors
from impasto.imaging.geometry import fit_long_side, resize

CONTROLS = {
    "photo": "the untouched photo",
    "style": "the style itself",
    "colors": "the photo with the style's colors",
}
_SHAPE = 0.02  # relative difference of a result's and its photo's aspect ratios that causes no note


def read(path: Path, size: int) -> Tensor:
    """Read a picture, (1, 3, H, W) in [0, 1], `size` pixels on the long side, on white. Raises ImageError."""
    image = _opaque(path)
    return resize(image, fit_long_side((image.shape[2], image.shape[3]), size))


def read_like(path: Path, photo: Tensor) -> tuple[Tensor, bool]:
    """Read a result at its photo's size; also returns True if that stretched it. Raises ImageError."""
    image = _opaque(path)
    height, width = photo.shape[2:]
    stretch = (image.shape[3] / image.shape[2]) / (width / height)
    # sides are whole numbers of pixels, so small pictures differ by half a pixel
    allowed = _SHAPE + 1 / min(image.shape[2:]) + 1 / min(height, width)
    return resize(image, (height, width)), abs(stretch - 1) > allowed


def control(name: str, photo: Tensor, style: Tensor) -> Tensor:
    """Make a control picture of the photo's size: see CONTROLS."""
    if name == "photo":
        return photo
    if name == "style":
        return resize(style, (photo.shape[2], photo.shape[3]))
    return match_colors(photo, style)


def digest(path: Path) -> str:
    """Hash of a file's content, 32 hexadecimal digits. Raises ImageError."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:32]
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror or error}") from error


def _opaque(path: Path) -> Tensor:
    image, info = io.read(path)
    if info.alpha is not None:
        image = image * info.alpha + (1 - info.alpha)
    return image[None]

"""Stylize a photo for the page, and write the file to download."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path

from torch import Tensor

from impasto.app.limits import Limits
from impasto.app.look import StyleRequest
from impasto.app.sessions import Result, Session
from impasto.errors import ImpastoError
from impasto.imaging import io
from impasto.imaging.decoding import check_size
from impasto.imaging.geometry import fit_long_side, resize
from impasto.imaging.sources import find_size
from impasto.stylizing.images import stylize_file
from impasto.stylizing.options import ImageOptions
from impasto.stylizing.stylizer import Stylizer

SHOWN = 1024  # largest long side of a picture on the page, in pixels
_QUALITY = 90  # of JPEGs on the page
_WRITTEN = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff")


def stylize(visit: Session, photo: Path, look: StyleRequest, limits: Limits) -> Result:
    """Stylize a photo by networks, at the size shown on the page. Raises ImpastoError."""
    started = time.monotonic()
    check_pictures(look, limits)
    image, info = io.read(photo, max_pixels=limits.pixels)
    size = shown_size(info.size)
    seen = resize(image[None], size)[0]
    alpha = fitted(info.alpha, size)
    picture = _stylizer(look).picture(seen, alpha)
    shown = show(visit, seen, alpha), show(visit, picture, alpha)
    result = Result("stylized", photo, look, shown, time.monotonic() - started)
    visit.add(result)
    return result


def check_pictures(look: StyleRequest, limits: Limits) -> None:
    """Raise ImpastoError if an uploaded style picture has too many pixels, reading its header only."""
    for style, _ in look.styles:
        if isinstance(style, Path) and style.suffix != ".safetensors":
            height, width = find_size(style)
            check_size(width, height, str(style), limits.pixels)


def is_readable(photo: Path, limits: Limits) -> bool:
    """Return whether an uploaded file is a picture within the limits."""
    try:
        io.read(photo, max_pixels=limits.pixels)
    except ImpastoError:
        return False
    return True


def take_home(visit: Session, result: Result, limits: Limits, *, original: bool = True) -> Path:
    """A file of the result with the photo's metadata, in the photo's format where that can be written.

    `original` gives it the photo's size; else it has the size at which it was painted, or is shown.
    Raises ImpastoError.
    """
    target = visit.hand_out(file_name(result))
    if result.whole is None:
        options = ImageOptions(size=None if original else SHOWN, max_pixels=limits.pixels)
        stylize_file(result.photo, target, _stylizer(result.look), options)
        return target
    picture, info = io.read(result.whole)
    _, photo = io.read(result.photo, max_pixels=limits.pixels)
    size = photo.size if original else info.size
    record = io.read_record(result.whole)
    alpha = fitted(photo.alpha, size)
    io.write(target, resize(picture[None], size)[0], alpha=alpha, exif=photo.exif, record=record)
    return target


def file_name(result: Result) -> str:
    """Return the name of a download, such as photo-starry-night.jpg."""
    suffix = result.photo.suffix.lower()
    style = result.look.name.replace(" ", "-")
    return f"{result.photo.stem}-{style}{suffix if suffix in _WRITTEN else '.jpg'}"


def shown_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return the (height, width) at which the page shows a picture."""
    return fit_long_side(size, min(SHOWN, max(size)))


def fitted(alpha: Tensor | None, size: tuple[int, int]) -> Tensor | None:
    """Resize an alpha channel, (1, H, W); None stays None."""
    return None if alpha is None else resize(alpha[None], size)[0]


def show(visit: Session, picture: Tensor, alpha: Tensor | None) -> Path:
    """Write a picture as a JPEG for the page; return its path."""
    path = visit.new_file("picture.jpg")
    io.write(path, picture, alpha=alpha, quality=_QUALITY)
    return path


def _stylizer(look: StyleRequest) -> Stylizer:
    return Stylizer(list(look.files), look.strength, runtime="torch", **asdict(look.handles))

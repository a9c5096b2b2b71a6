"""Stylize a photo for the page, and write the file to download."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from torch import Tensor

from impasto.app.decoding import check_decoding
from impasto.app.limits import Limits
from impasto.app.look import StyleRequest
from impasto.app.sessions import Result, Session
from impasto.errors import UsageError
from impasto.imaging import io
from impasto.imaging.decoding import check_size
from impasto.imaging.geometry import fit_long_side, resize
from impasto.imaging.sources import find_size
from impasto.options import check_whole
from impasto.stylizing.images import stylize_file
from impasto.stylizing.options import ImageOptions
from impasto.stylizing.runtime import RuntimeName
from impasto.stylizing.stylizer import Stylizer

SHOWN = 1024  # largest long side of a picture on the page, in pixels
_QUALITY = 90  # of JPEGs on the page
_WRITTEN = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff")

DownloadSize = Literal["largest", "photo", "picture"]
DownloadFormat = Literal["photo", "jpg", "png", "webp", "tif"]


@dataclass(frozen=True)
class DownloadOptions:
    """Options of a download; an invalid value raises UsageError.

    Attributes:
        size: "photo" for the photo's size, "picture" for the size at which it was painted or is shown,
            "largest" for the larger of the two.
        format: "photo" for the photo's format if it can be written, else JPEG; or a file suffix.
        quality: 1 to 100, of JPEG and WebP.
    """

    size: DownloadSize = "largest"
    format: DownloadFormat = "photo"
    quality: int = 95

    def __post_init__(self) -> None:
        for name, known in (("size", get_args(DownloadSize)), ("format", get_args(DownloadFormat))):
            if (value := getattr(self, name)) not in known:
                raise UsageError(f"{name} must be one of {', '.join(known)}, not {value}")
        check_whole("quality", self.quality, 1, 100)


def stylize(visit: Session, photo: Path, look: StyleRequest, limits: Limits) -> Result:
    """Stylize a photo by networks, at the size shown on the page. Raises ImpastoError."""
    started = time.monotonic()
    check_pictures(look, limits)
    check_decoding(photo, limits)
    image, info = io.read(photo, max_pixels=limits.pixels)
    size = shown_size(info.size)
    seen = resize(image[None], size)[0]
    alpha = fitted(info.alpha, size)
    picture = stylizer_of(look).picture(seen, alpha)
    shown = show(visit, seen, alpha), show(visit, picture, alpha)
    result = Result("stylized", photo, look, shown, time.monotonic() - started)
    visit.add(result)
    return result


def check_pictures(look: StyleRequest, limits: Limits) -> None:
    """Raise ImpastoError if an uploaded style picture has too many pixels, or takes too long to decode."""
    for style, _ in look.styles:
        if isinstance(style, Path) and style.suffix != ".safetensors":
            check_picture(style, limits)


def check_picture(path: Path, limits: Limits) -> None:
    """Raise ImpastoError if a picture has too many pixels, or takes too long to decode."""
    check_decoding(path, limits)
    height, width = find_size(path)
    check_size(width, height, str(path), limits.pixels)


def check_readable(picture: Path, limits: Limits) -> None:
    """Raise ImpastoError if an uploaded file is not a picture within the limits."""
    check_decoding(picture, limits)
    io.read(picture, max_pixels=limits.pixels)


def download_sizes(result: Result) -> dict[DownloadSize, tuple[int, int]]:
    """Return the (height, width) of each size in which a result can be downloaded."""
    photo = find_size(result.photo)
    picture = find_size(result.whole) if result.whole else shown_size(photo)
    return {"largest": max(photo, picture, key=math.prod), "photo": photo, "picture": picture}


def write_download(
    visit: Session, result: Result, limits: Limits, options: DownloadOptions = DownloadOptions()
) -> Path:
    """Write a result with the photo's metadata as a file to download. Raises ImpastoError."""
    target = visit.hand_out(file_name(result.photo, result.look, options.format))
    if result.whole is None:
        side = SHOWN if options.size == "picture" else None
        image = ImageOptions(size=side, quality=options.quality, max_pixels=limits.pixels)
        stylize_file(result.photo, target, stylizer_of(result.look), image)
        return target
    picture, _ = io.read(result.whole)
    _, photo = io.read(result.photo, max_pixels=limits.pixels)
    size = download_sizes(result)[options.size]
    io.write(
        target,
        resize(picture[None], size)[0],
        alpha=fitted(photo.alpha, size),
        exif=photo.exif,
        quality=options.quality,
        record=io.read_record(result.whole),
    )
    return target


def file_name(photo: Path, look: StyleRequest, kind: DownloadFormat = "photo") -> str:
    """Return the name of a picture's file, such as photo-starry-night.jpg."""
    suffix = photo.suffix.lower() if kind == "photo" else f".{kind}"
    style = look.name.replace(" ", "-")
    return f"{photo.stem}-{style}{suffix if suffix in _WRITTEN else '.jpg'}"


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


def stylizer_of(look: StyleRequest, runtime: RuntimeName = "torch") -> Stylizer:
    """Return the networks for a style request. Only the runtime "torch" has no start-up time."""
    return Stylizer(list(look.files), look.strength, runtime=runtime, **asdict(look.handles))

"""Picture files of every common kind, decoded to sRGB samples."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from impasto.errors import ImageError, ImpastoError, MissingExtraError
from impasto.imaging.codecs.jpeg import CutJpeg, lacks_end
from impasto.imaging.codecs.sixteen_bits import (
    Deep,
    DeepFile,
    has_deep_planes,
    is_deep_color,
    open_raw,
    read_deep,
)
from impasto.imaging.codecs.tiff import FloatTiff, decode_by_libtiff, is_float, is_raw, read_tags
from impasto.imaging.color import changes_values, to_range, to_srgb
from impasto.imaging.limits import check_counts, check_exif
from impasto.imaging.metadata import clean_exif, find_dpi, pack_exif, resolution_tags

FloatSamples = NDArray[np.float32]  # (H, W, 3) sRGB or (H, W, 4) with straight alpha, in [0, 1]

# Tried in this order. Pillow opens more, but some of those run other programs, or claim any bytes.
_KINDS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF", "JPEG2000", "PPM", "PSD", "QOI")
_KINDS_TEXT = "JPEG, PNG, WebP, TIFF, GIF, BMP, AVIF, HEIC, JPEG 2000, PPM, PSD or QOI"
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"}
_AVIF_BRANDS = {b"avif", b"avis"}
_CONTAINER_BRANDS = {b"mif1", b"msf1"}  # of HEIC and AVIF alike
_MOST_BRANDS = 1024  # bytes
_AS_COLOR = {1: [0, 0, 0], 2: [0, 0, 0, 1], 3: [0, 1, 2], 4: [0, 1, 2, 3]}
_ANIMATED_KINDS = ("GIF", "WEBP", "PNG", "AVIF")

# From the stored picture to the upright one, by the value of the EXIF orientation tag.
UPRIGHT: dict[Any, Callable[[FloatSamples], FloatSamples]] = {
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: stored[::-1, ::-1].swapaxes(0, 1),
    8: lambda stored: np.rot90(stored),
}


@dataclass(frozen=True)
class Decoded:
    """An upright picture as float32 (H, W, 3 or 4), with what its file said beside the pixels."""

    samples: FloatSamples
    bit_depth: int
    exif: bytes | None
    notes: tuple[str, ...]


@contextmanager
def explaining(name: str) -> Iterator[None]:
    """Turn whatever a decoder raises on damaged bytes into an ImageError that names the picture."""
    try:
        yield
    except ImpastoError:
        raise
    except MemoryError as error:
        raise ImageError(f"{name} does not fit in memory; make it smaller first") from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"{name} is larger than its decoder allows; save it as PNG or smaller") from error
    except Exception as error:  # decoders raise nearly anything
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ImageError(f"{name} is damaged, cut short or of an unusual kind ({reason})") from error


def open_image(file: IO[bytes], name: str) -> ImageFile.ImageFile:
    """Read a picture's header; its pixels are decoded later, from the same file. `limits` are checked first.

    This does what `PIL.Image.open` does, less Pillow's process-wide pixel limit: `check_size` has ours.
    """
    file.seek(0)
    head = file.read(16)
    if not head:
        raise ImageError(f"{name} is empty; it may not have been downloaded or copied to its end")
    Image.init()
    if is_raw(file, name):
        check_counts(file, "TIFF", name)
        return open_raw(file, name)
    if _is_heic(file):
        return _open_heic(file, name)
    for kind in _KINDS:
        factory, accept = Image.OPEN.get(kind, (None, None))
        if factory and accept and accept(head) is True:
            check_counts(file, kind, name)
            is_cut = kind == "JPEG" and lacks_end(file)
            of_floats = kind == "TIFF" and is_float(read_tags(file)[0])
            file.seek(0)
            image = CutJpeg(file) if is_cut else FloatTiff(file) if of_floats else factory(file, "")
            decode_by_libtiff(image)
            check_exif(image, name)
            return image
    raise ImageError(f"{name} is not a picture that impasto reads ({_KINDS_TEXT})")


def _is_heic(file: IO[bytes]) -> bool:
    """Return whether the brands of a file, its major one and those that it is compatible with, say HEIC."""
    file.seek(0)
    head = file.read(8)
    if head[4:] != b"ftyp":
        return False
    content = file.read(min(max(0, int.from_bytes(head[:4]) - 8), _MOST_BRANDS))
    major, compatible = content[:4], content[8:]
    brands = {major, *(compatible[start : start + 4] for start in range(0, len(compatible), 4))}
    if major in _HEIC_BRANDS or major in _AVIF_BRANDS:
        return major in _HEIC_BRANDS
    return not brands & _AVIF_BRANDS and bool(brands & (_HEIC_BRANDS | _CONTAINER_BRANDS))


def check_size(width: int, height: int, name: str, max_pixels: int) -> None:
    """Raise ImageError for a picture without pixels or with more than `max_pixels`."""
    if width < 1 or height < 1:
        raise ImageError(f"{name} has no pixels ({width} x {height})")
    if width * height > max_pixels:
        raise ImageError(
            f"{name} has {width} x {height} = {width * height:,} pixels, more than the limit of "
            f"{max_pixels:,}; make it smaller or raise max_pixels"
        )


def decode_file(file: IO[bytes], name: str, max_pixels: int) -> Decoded:
    """Decode an open picture file. Raises ImageError, or MissingExtraError for HEIC and raw photos."""
    with explaining(name):
        image = open_image(file, name)
        check_size(*image.size, name, max_pixels)
        return _decode(image, name, *decode_deep(image, file, name))


def decode_image(image: Image.Image, name: str) -> Decoded:
    """Decode a picture of any Pillow mode. Raises ImageError."""
    with explaining(name):
        return _decode(image, name, None, None)


def decode_deep(image: ImageFile.ImageFile, file: IO[bytes], name: str) -> tuple[Deep | None, str | None]:
    """The samples of an opened file with colors of more than 8 bits or with floats, None for any other, and
    a note if they were tone-mapped.

    Args:
        file: of the image, which may be decoded twice.
    """

    def reopen() -> ImageFile.ImageFile:
        fresh = open_image(file, name)
        make_canvas(fresh)
        return fresh

    if has_deep_planes(image):
        raise ImageError(f"{name} keeps its 16-bit channels in separate planes; save it interleaved")
    if is_deep_color(image):
        return read_deep(reopen), None
    if isinstance(image, DeepFile):
        return image.samples(name)
    return _deep_gray(reopen(), name) if image.mode == "F" else (None, None)


def _decode(image: Image.Image, name: str, deep: Deep | None, mapped: str | None) -> Decoded:
    if deep is None:
        make_canvas(image)
        image.load()
        deep, mapped = _deep_gray(image, name)
    profile = image.info.get("icc_profile")
    if deep is None:
        samples, problem = _to_samples(image, profile)
    else:
        samples, problem = deep_to_samples(with_key(deep, image.info.get("transparency")), profile)
    orientation, exif, damage = read_exif(image)
    if turn := UPRIGHT.get(orientation):
        samples = turn(samples)
    notes = [
        f"{name} {note}" for note in (mapped, problem, damage, gaps(image), describe_pages(image)) if note
    ]
    return Decoded(samples, 8 if deep is None else 16, exif, tuple(notes))


def make_canvas(image: Image.Image) -> None:
    """Create the canvas that a TIFF is decoded to; Pillow, doing so, would apply its own pixel limit."""
    if isinstance(image, TiffImageFile) and image.tile:
        stored = image.tag_v2[ExifTags.Base.ImageWidth], image.tag_v2[ExifTags.Base.ImageLength]
        image.im = Image.new(image.mode, stored).im


def _deep_gray(image: Image.Image, name: str) -> tuple[Deep | None, str | None]:
    """(H, W, 1) uint16 of a gray picture with more than 8 bits, None for any other, and a note if it was
    tone-mapped.
    """
    if image.mode.startswith("I;16"):
        return np.asarray(image)[..., None].astype(np.uint16), None
    if image.mode == "F":
        values, note = to_range(np.asarray(image)[..., None], name)
        return np.rint(values * 65535).astype(np.uint16), note
    if image.mode != "I":
        return None, None
    whole = np.asarray(image)[..., None]
    low, high = int(whole.min()), int(whole.max())
    if not (low >= 0 and high <= 65535):
        raise ImageError(f"{name} has values from {low} to {high}; scale them to the range 0 to 65535")
    return whole.astype(np.uint16), None


def with_key(deep: Deep, key: object) -> Deep:
    """Add an alpha channel to samples if one color is declared transparent, as PNG can."""
    if key is None:
        return deep
    alpha = np.where((deep == np.asarray(key)).all(axis=-1, keepdims=True), 0, 65535)
    return np.concatenate([deep, alpha.astype(np.uint16)], axis=-1)


def deep_to_samples(deep: Deep, profile: bytes | None) -> tuple[FloatSamples, str | None]:
    """Convert (H, W, 1 to 4) uint16 to sRGB, with a note: Pillow's color management works on 8 bits."""
    channels = deep.shape[-1]
    converts, problem = changes_values(profile, "L" if channels < 3 else "RGB")
    if not converts:
        return _shares(deep[..., _AS_COLOR[channels]], 65535), problem
    shallow = np.rint(deep.astype(np.float32) / 257).astype(np.uint8)
    samples, _ = _to_samples(Image.fromarray(shallow[..., 0] if channels == 1 else shallow), profile)
    return samples, "was converted from its color profile to sRGB at 8 bits per channel"


def _to_samples(image: Image.Image, profile: bytes | None) -> tuple[FloatSamples, str | None]:
    """Convert an 8-bit picture to sRGB samples, with a note if its profile could not be used."""
    alpha = None
    if image.has_transparency_data:
        image = image.convert("LA" if image.mode in ("L", "LA", "La") else "RGBA")
        alpha = image.getchannel("A")
    if image.mode in ("1", "LA"):
        image = image.convert("L")
    converted, problem = to_srgb(image, profile)
    if alpha is not None:
        converted.putalpha(alpha)
    return _shares(np.asarray(converted), 255), problem


def _shares(levels: NDArray[Any], most: int) -> FloatSamples:
    """Levels up to `most` as floats in [0, 1]. Where NumPy gets no memory for the buffers of a division that
    casts, too, it ends the process.
    """
    shares: FloatSamples = levels.astype(np.float32)
    shares /= most
    return shares


def read_exif(image: Image.Image) -> tuple[Any, bytes | None, str | None]:
    """Read the orientation still to be applied, the EXIF to keep, and a note if it is damaged."""
    orientation: Any = 1
    try:
        check_exif(image, "the picture")
        exif = image.getexif()
        if not isinstance(image, TiffImageFile):  # Pillow turns those itself
            orientation = exif.get(ExifTags.Base.Orientation)
        return orientation, clean_exif(exif, find_dpi(image)), None
    except Exception:  # EXIF is written by a thousand devices, and no picture is lost without it
        kept = pack_exif(resolution_tags(find_dpi(image)), {}, {})
        return orientation, kept, "has damaged EXIF data, which is left out"


def gaps(image: Image.Image) -> str | None:
    """Make a note if the file of a decoded picture is cut short."""
    return image.note if isinstance(image, CutJpeg) else None


def describe_pages(image: Image.Image) -> str | None:
    """Make a note if the file holds several pictures."""
    count = getattr(image, "n_frames", 1)
    if image.format == "TIFF" and count > 1:
        return f"has {count} pages; using the first"
    if image.format in _ANIMATED_KINDS and count > 1:
        return f"is animated ({count} frames); using the first"
    return None


def _open_heic(file: IO[bytes], name: str) -> ImageFile.ImageFile:
    try:
        from pillow_heif import HeifImageFile
    except ImportError as error:
        raise MissingExtraError("pillow-heif", "heic", f"Reading {name}") from error
    check_counts(file, "HEIC", name)
    file.seek(0)
    image: ImageFile.ImageFile = HeifImageFile(file, "")  # type: ignore[no-untyped-call, unused-ignore]
    check_exif(image, name)
    return image

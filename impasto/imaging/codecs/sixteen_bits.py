"""Pictures of 16 bits per channel, read by OpenCV, and raw photos, developed by LibRaw."""

from __future__ import annotations

import sys
from collections.abc import Callable
from io import BytesIO
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile

from impasto.errors import ImageError, MissingExtraError

Deep = NDArray[np.uint16]  # (H, W, 1 to 4): gray or colors, perhaps with straight alpha

_NATIVE = "L" if sys.byteorder == "little" else "B"
_OTHER_ORDER = {"B": "L", "L": "B"}
_PNG_GRAY_ALPHA = "LA;16B"
_SEPARATE_PLANES = 2
_TURNED = (5, 6)  # of LibRaw's ways to turn a picture upright


class DeepFile(ImageFile.ImageFile):
    """A file that is decoded by another library than Pillow. Loaded as a picture of Pillow, it has 8 bits per
    channel.
    """

    def samples(self, name: str) -> tuple[Deep, str | None]:
        """Decode it, and tell in a note what was done with its values."""
        raise NotImplementedError

    def load(self) -> Any:
        if self._im is None:
            samples, _ = self.samples("the picture")
            shallow = np.rint(samples / 257).astype(np.uint8)
            self.im = Image.fromarray(shallow.squeeze(2) if shallow.shape[2] == 1 else shallow).im
        return Image.Image.load(self)

    def exif_of_tiff(self) -> Image.Exif:
        """EXIF of a TIFF; empty for a BigTIFF and for other files."""
        exif, content = Image.Exif(), self.content()
        if content[:4] in (b"II*\0", b"MM\0*"):
            exif.load(b"Exif\0\0" + content)
        return exif

    def content(self) -> bytes:
        """The bytes of the file."""
        assert self.fp
        self.fp.seek(0)
        return self.fp.read()


def is_deep_color(image: ImageFile.ImageFile) -> bool:
    """Return whether a file, opened but not decoded, holds colors, or gray with alpha, of 16 bits."""
    rawmode = _rawmode(image)
    return rawmode[:-1] in ("RGB;16", "RGBX;16", "RGBA;16") or rawmode == _PNG_GRAY_ALPHA


def has_deep_planes(image: ImageFile.ImageFile) -> bool:
    """Return whether a TIFF keeps 16-bit channels one after another; Pillow mistakes those for 8-bit ones."""
    tags = getattr(image, "tag_v2", {})
    planar = tags.get(ExifTags.Base.PlanarConfiguration) == _SEPARATE_PLANES
    return planar and max(tags.get(ExifTags.Base.BitsPerSample, (1,))) == 16


def read_deep(reopen: Callable[[], ImageFile.ImageFile]) -> NDArray[np.uint16]:
    """Decode a file of which `is_deep_color` holds.

    Args:
        reopen: opens the file afresh, not decoded.

    Returns:
        (H, W, C) uint16: gray and alpha, or colors and perhaps alpha. Alpha is straight.
    """
    image = reopen()
    rawmode = _rawmode(image)
    if rawmode == _PNG_GRAY_ALPHA:  # the four bytes of a pixel fit in one of Pillow's
        pairs = _decode(image, "RGBA")
        return _join(pairs[..., 0::2], pairs[..., 1::2])
    stem, order = rawmode[:-1], rawmode[-1].replace("N", _NATIVE)
    return _join(_decode(image, stem + order), _decode(reopen(), stem + _OTHER_ORDER[order]))


def _rawmode(image: ImageFile.ImageFile) -> str:
    if not image.tile:
        return ""
    args = image.tile[0].args
    return str(args[0] if isinstance(args, tuple) else args)


def _decode(image: ImageFile.ImageFile, rawmode: str) -> NDArray[np.uint8]:
    for index, tile in enumerate(image.tile):
        args = (rawmode, *tile.args[1:]) if isinstance(tile.args, tuple) else rawmode
        image.tile[index] = tile._replace(args=args)
    return np.asarray(image, np.uint8)


def _join(high: NDArray[np.uint8], low: NDArray[np.uint8]) -> NDArray[np.uint16]:
    return np.stack([low, high], axis=-1).view("<u2")[..., 0].astype(np.uint16)


class RawPhoto(DeepFile):
    """A raw photo: its size by the header, its pixels developed later."""

    format = "RAW"

    def _open(self) -> None:
        sizes = self._sensor().sizes
        upright = (sizes.height, sizes.width) if sizes.flip in _TURNED else (sizes.width, sizes.height)
        self._size, self._mode = upright, "RGB"

    def getexif(self) -> Image.Exif:
        """EXIF of files built as a TIFF; without the orientation, as the developed picture is upright."""
        exif = self.exif_of_tiff()
        exif.pop(ExifTags.Base.Orientation, None)
        return exif

    def samples(self, name: str) -> tuple[Deep, str | None]:
        """Develop to (H, W, 3) of 16 bits, upright, in sRGB, with the camera's white balance."""
        with self._sensor() as sensor:
            return sensor.postprocess(use_camera_wb=True, output_bps=16), None

    def _sensor(self) -> Any:
        import rawpy

        return rawpy.imread(BytesIO(self.content()))


def open_raw(file: IO[bytes], name: str) -> RawPhoto:
    """Read a raw photo's header. Raises MissingExtraError without rawpy, ImageError where LibRaw fails."""
    try:
        return RawPhoto(file, "")
    except ImportError as error:
        raise MissingExtraError("rawpy", "raw", f"Developing {name}, a raw photo,") from error
    except Exception as error:  # LibRaw has a class of its own for each fault
        raise ImageError(
            f"{name} is a raw photo that LibRaw does not read: develop it with your camera's program, "
            "darktable or RawTherapee, and save it as TIFF or JPEG"
        ) from error

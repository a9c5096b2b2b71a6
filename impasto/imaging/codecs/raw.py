"""Raw photos of cameras, developed by LibRaw, an optional library."""

from __future__ import annotations

from io import BytesIO
from typing import IO, Any

from PIL import ExifTags, Image

from impasto.errors import ImageError, MissingExtraError
from impasto.imaging.codecs.sixteen_bits import Deep, DeepFile

_TURNED = (5, 6)  # of LibRaw's ways to turn a picture upright


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

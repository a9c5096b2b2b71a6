"""WebP."""

from pathlib import Path

from impasto.imaging.codecs.base import SampleArray
from impasto.imaging.color import SRGB_PROFILE


def save(path: Path, picture: SampleArray) -> None:
    """Write a WebP of 8 bits per channel; hidden colors stay."""
    picture.to_pil().save(
        path,
        "WEBP",
        quality=picture.quality,
        exact=True,
        icc_profile=SRGB_PROFILE,
        exif=picture.exif or b"",
        xmp=picture.xmp or b"",
    )

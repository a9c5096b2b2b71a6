"""Color management: every picture becomes sRGB on the way in and says so on the way out."""

import io
from typing import cast

import numpy as np
from PIL import Image, ImageCms

_CREATION_DATE = slice(24, 36)
_INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC
_FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION
_SPACES = {"RGB": "RGB ", "L": "GRAY", "CMYK": "CMYK", "LAB": "Lab "}


def _make_srgb() -> bytes:
    """An sRGB ICC profile, the same bytes on every run: LittleCMS would write the time of day into it."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[_CREATION_DATE] = bytes.fromhex("07d000010001000000000000")
    return bytes(profile)


SRGB_PROFILE: bytes = _make_srgb()


def to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, str | None]:
    """Convert an 8-bit picture to sRGB.

    Args:
        image: mode RGB, L, CMYK or LAB; any other mode is converted by Pillow without a profile.
        profile: the picture's ICC profile; without one, RGB and L count as sRGB and CMYK as Pillow's.

    Returns:
        The picture in mode RGB, and what to tell the user if the profile could not be used, else None.
    """
    if profile is None:
        return _convert_plain(image), None
    try:
        return _convert(image, profile), None
    except (OSError, ValueError, TypeError, ImageCms.PyCMSError):
        return _convert_plain(image), "has a color profile that cannot be used; its colors are read as sRGB"


def changes_values(profile: bytes | None, mode: str) -> tuple[bool, str | None]:
    """Return whether converting from a profile to sRGB changes 8-bit values by more than one level.

    Args:
        profile: the ICC profile; None counts as sRGB.
        mode: of the picture, RGB or L.

    Returns:
        The answer, False for a profile that cannot be used, and then what to tell the user.
    """
    ramp = np.linspace(0, 255, 12).round().astype(np.uint8)
    cube = np.stack(np.meshgrid(ramp, ramp, ramp), axis=-1).reshape(-1, 12, 3)
    probe = Image.fromarray(cube if mode == "RGB" else ramp[None])
    converted, note = to_srgb(probe, profile)
    change = np.asarray(converted, np.int16) - np.asarray(probe.convert("RGB"), np.int16)
    return int(np.abs(change).max()) > 1, note


def _convert(image: Image.Image, profile: bytes) -> Image.Image:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    space = source.profile.xcolor_space
    if image.mode not in _SPACES or (image.mode == "L" and space == "RGB "):
        image = image.convert("RGB")
    if _SPACES[image.mode] != space:
        raise ValueError(f"a {space.strip()} profile in a {image.mode} picture")
    return _transform(image, source)


def _convert_plain(image: Image.Image) -> Image.Image:
    if image.mode == "LAB":
        return _transform(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")))
    return image.convert("RGB")


def _transform(image: Image.Image, source: ImageCms.ImageCmsProfile) -> Image.Image:
    target = ImageCms.ImageCmsProfile(io.BytesIO(SRGB_PROFILE))
    transform = ImageCms.buildTransform(source, target, image.mode, "RGB", _INTENT, _FLAGS)
    return cast(Image.Image, ImageCms.applyTransform(image, transform))

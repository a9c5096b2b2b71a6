"""Color management: every picture becomes sRGB on the way in and says so on the way out."""

from __future__ import annotations

import io
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from impasto.errors import ImageError

_CREATION_DATE = slice(24, 36)
_INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC
_FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION
_SPACES = {"RGB": "RGB ", "L": "GRAY", "CMYK": "CMYK", "LAB": "Lab "}


def _make_srgb() -> bytes:
    """Make an sRGB ICC profile, of the same bytes on every run: LittleCMS would write the time into it."""
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


_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)  # of linear sRGB


def to_range(values: NDArray[np.floating], name: str) -> tuple[NDArray[np.float32], str | None]:
    """Bring float samples (H, W, 1 to 4) into [0, 1]; return a note if they were tone-mapped.

    Values of at most 1 are a picture's, and stay as they are. Above, they are linear light, where 1 is white,
    and go through Reinhard's curve of 2002, whose white is the brightest pixel, and that of sRGB. A second or
    fourth channel is alpha. Raises ImageError for negative values and what is not a number.
    """
    samples: NDArray[np.float32] = np.array(values, np.float32)
    low, high = float(samples.min()), float(samples.max())
    if not (low >= 0 and high < np.inf):
        raise ImageError(
            f"{name} has values from {low:g} to {high:g}; values of floats start at 0, and 1 is white: "
            "scale them in the program that made them"
        )
    if high <= 1:
        return samples, None
    colors = samples[..., : samples.shape[-1] - 1 + samples.shape[-1] % 2]
    colors[...] = _encode(_reinhard(colors))
    note = f"has values up to {high:g}: they are taken for linear light and tone-mapped by Reinhard's curve"
    return samples.clip(0, 1), note


def _reinhard(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Tone-map luminance by Reinhard et al. 2002, equation 4: the brightest pixel becomes white."""
    luminance = light @ _LUMINANCE if light.shape[-1] == 3 else light[..., 0]
    white = max(1.0, float(luminance.max()))
    mapped: NDArray[np.float32] = light * ((1 + luminance / white**2) / (1 + luminance))[..., None]
    return mapped


def _encode(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Convert linear light to values of sRGB."""
    light = light.clip(0, 1)
    encoded: NDArray[np.float32] = np.where(
        light <= 0.0031308, 12.92 * light, 1.055 * light ** np.float32(1 / 2.4) - 0.055
    )
    return encoded

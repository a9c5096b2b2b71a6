"""Make square crops of photos and paintings, which depend only on the seed and their number."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps
from PIL.TiffImagePlugin import TiffImageFile
from torch import Tensor

from impasto.errors import ImageError, ImpastoError, UsageError
from impasto.imaging.color import to_range, to_srgb
from impasto.training.photos import Photos, reading

_MAX_TRIES = 100  # unreadable photos in a row before giving up
_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
_GRAY_AXIS = 1 / math.sqrt(3)  # coordinates of the unit vector along the gray axis
_LONG_SIDES = (400, 620)  # range of a painting's long side in pixels; styles usually have 512
_BICUBIC = Image.Resampling.BICUBIC

# Operations that turn the stored picture upright, by the value of the EXIF orientation tag.
_UPRIGHT: dict[Any, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class CropPosition:
    """Position of a square crop in a photo.

    Attributes:
        side: side as a share of the photo's short side, in (0, 1].
        x, y: position in [0, 1], from the left (top) to the right (bottom) end of the photo.
        angle: rotation about the center, in degrees; a square too large to be turned is made smaller.
        mirrored: mirror left to right.
    """

    side: float = 1.0
    x: float = 0.5
    y: float = 0.5
    angle: float = 0.0
    mirrored: bool = False


@dataclass(frozen=True)
class Crops:
    """Endless training samples by number; a number always gives an identical tensor.

    An epoch is as many samples as there are photos. It shows each photo once, in a random order.

    Attributes:
        photos: at least one photo.
        size: side of a sample in pixels.
        seed: any integer.
        augment: for few photos: wider range of scales, small rotations, and varied colors.
    """

    photos: Photos
    size: int
    seed: int = 0
    augment: bool = False

    def __post_init__(self) -> None:
        if self.size < 1:
            raise UsageError(f"the size of a crop is at least 1 pixel, not {self.size}")
        if not len(self.photos):
            raise UsageError("there are no photos to learn from")

    def sample(self, number: int) -> Tensor:
        """Make a sample, (3, size, size) float32 in [0, 1]. Raises ImageError after 100 unreadable photos."""
        return self.draw(number)[0]

    def draw(self, number: int) -> tuple[Tensor, tuple[str, ...]]:
        """Make the sample of a number, 0 or more; also returns the names of unreadable photos.

        An unreadable photo is replaced by the next photo in the order of the epoch.
        """
        count = len(self.photos)
        epoch, place = divmod(number, count)
        order = _order(count, self.seed, epoch)
        skipped: list[str] = []
        first = ""
        for photo in (int(order[(place + more) % count]) for more in range(min(count, _MAX_TRIES))):
            try:
                return self._cut(photo, random.Random(f"{self.seed}/{number}")), tuple(skipped)
            except (ImpastoError, OSError) as error:
                first = first or str(error)
                skipped.append(self.photos.name(photo))
        raise _unreadable(self.photos, len(skipped), first)

    def _cut(self, photo: int, rng: random.Random) -> Tensor:
        cut = _random_cut(rng, self.augment)
        square = cut_square(self.photos.open(photo), cut, self.size, self.photos.name(photo))
        return _to_tensor(_vary_photo(square, rng) if self.augment else square)


@dataclass(frozen=True)
class Windows(Crops):
    """Crops of paintings, at the scale at which a style picture is encoded.

    Colors are varied, so that some hundred paintings represent all styles.
    """

    def _cut(self, photo: int, rng: random.Random) -> Tensor:
        image = self.photos.open(photo)
        window = cut_square(image, self._place(image, rng), self.size, self.photos.name(photo))
        return _vary_painting(_to_tensor(window), rng) if rng.random() < 0.55 else _to_tensor(window)

    def _place(self, image: Image.Image, rng: random.Random) -> CropPosition:
        short = rng.uniform(*_LONG_SIDES) * min(image.size) / max(image.size)
        side = min(1.0, self.size / short)
        return CropPosition(side, rng.random(), rng.random(), mirrored=rng.random() < 0.5)


def held_out_crops(photos: Photos, size: int, count: int = 16) -> Tensor:
    """Crop center squares of the first readable photos, (N, 3, size, size) in [0, 1], N <= count.

    Raises:
        ImageError: no photo can be read.
    """
    squares: list[Tensor] = []
    first = ""
    tried = min(len(photos), _MAX_TRIES + count)
    for photo in range(tried):
        if len(squares) == count:
            break
        try:
            squares.append(
                _to_tensor(cut_square(photos.open(photo), CropPosition(), size, photos.name(photo)))
            )
        except (ImpastoError, OSError) as error:
            first = first or str(error)
    if not squares:
        raise _unreadable(photos, tried, first)
    return stack(squares)


def stack(images: list[Tensor]) -> Tensor:
    """Stack images to (N, 3, H, W) in channels_last memory."""
    batch = torch.empty((len(images), *images[0].shape), memory_format=torch.channels_last)
    for place, image in enumerate(images):
        batch[place] = image
    return batch


def cut_square(image: Image.Image, cut: CropPosition, size: int, name: str) -> Image.Image:
    """Cut a square of a photo, size x size pixels, upright, in mode RGB.

    Colors are sRGB, except that the profiles of RGB files are ignored.

    Raises:
        ImageError: the photo is damaged.
    """
    with reading(name):
        turn = abs(math.cos(math.radians(cut.angle))) + abs(math.sin(math.radians(cut.angle)))
        outer = min(1.0, cut.side * turn)  # side of the upright square around the turned square
        pixels = math.ceil(size * turn)
        _decode_smaller(image, pixels / outer)
        plain = _plain(image, name)
        small = plain.resize((pixels, pixels), _BICUBIC, _box(plain.size, outer, cut), reducing_gap=2.0)
        small = _upright(_to_rgb(small), image)
        if cut.angle:
            edge = (pixels - size) // 2
            small = small.rotate(cut.angle, _BICUBIC).crop((edge, edge, edge + size, edge + size))
        return ImageOps.mirror(small) if cut.mirrored else small


def _decode_smaller(image: Image.Image, short: float) -> None:
    """Decode a JPEG at 1/2, 1/4 or 1/8 of its size, if the short side keeps at least `short` pixels."""
    share = short / min(image.size)
    image.draft(None, (math.ceil(image.width * share), math.ceil(image.height * share)))


def _plain(image: Image.Image, name: str) -> Image.Image:
    """Convert a picture to a mode that can be resampled: L, RGB, RGBA, CMYK or LAB."""
    image.load()
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _eight_bit(image, name)
    if image.has_transparency_data:
        return image.convert("RGBA")
    if image.mode in ("RGB", "L", "CMYK", "LAB"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _eight_bit(image: Image.Image, name: str) -> Image.Image:
    """Convert gray with more than 8 bits to mode L. Raises ValueError or ImageError for an unknown scale."""
    if image.mode == "F":
        shares, _ = to_range(np.asarray(image)[..., None], name)
        return Image.fromarray(np.rint(shares[..., 0] * 255).astype(np.uint8))
    values = np.asarray(image, np.float32)
    if not (values.min() >= 0 and values.max() <= 65535):
        raise ValueError("its values are not from 0 to 65535")
    return Image.fromarray(np.rint(values * (255 / 65535)).astype(np.uint8))


def _box(size: tuple[int, int], share: float, cut: CropPosition) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a square, in pixels, in a picture of (width, height)."""
    side = share * min(size)
    left, top = ((length - side) * place for length, place in zip(size, (cut.x, cut.y), strict=True))
    return left, top, min(left + side, size[0]), min(top + side, size[1])


def _to_rgb(image: Image.Image) -> Image.Image:
    """Convert to mode RGB: transparent pixels on white; CMYK and Lab by the file's profile."""
    if image.mode == "RGBA":
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        return white
    if image.mode in ("CMYK", "LAB"):
        return to_srgb(image, image.info.get("icc_profile"))[0]
    return image.convert("RGB")


def _upright(square: Image.Image, photo: Image.Image) -> Image.Image:
    if isinstance(photo, TiffImageFile):  # Pillow has already turned TIFFs
        return square
    try:
        orientation = photo.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # EXIF can be malformed in any way, and the photo is usable without it
        return square
    turn = _UPRIGHT.get(orientation)
    return square if turn is None else square.transpose(turn)


def _to_tensor(image: Image.Image) -> Tensor:
    """Convert to a tensor (3, H, W) in [0, 1], with the channels of a pixel adjacent in memory."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float().div_(255)


@lru_cache(maxsize=2)  # a batch may contain samples of two epochs
def _order(count: int, seed: int, epoch: int) -> NDArray[np.int32]:
    """Shuffle the photos of an epoch."""
    return np.random.default_rng([seed % 2**63, epoch]).permutation(count).astype(np.int32)


def _random_cut(rng: random.Random, augment: bool) -> CropPosition:
    side = rng.uniform(0.35 if augment else 0.6, 1.0)
    x, y, mirrored = rng.random(), rng.random(), rng.random() < 0.5
    turned = augment and rng.random() < 0.5
    return CropPosition(side, x, y, rng.uniform(-15, 15) if turned else 0.0, mirrored)


def _vary_photo(image: Image.Image, rng: random.Random) -> Image.Image:
    """Vary saturation, white balance, exposure and contrast."""
    saturation = rng.uniform(0.6, 1.4)
    matrix: list[float] = []
    for channel in range(3):
        gain = rng.uniform(0.9, 1.1)
        own = [saturation if other == channel else 0.0 for other in range(3)]
        matrix += [gain * (part + (1 - saturation) * gray) for part, gray in zip(own, _LUMA, strict=True)] + [
            0
        ]
    gamma, contrast = math.exp(rng.uniform(-0.35, 0.35)), rng.uniform(0.75, 1.25)
    middle = 0.5 + rng.uniform(-0.08, 0.08)
    curve = ((np.arange(256) / 255) ** gamma - 0.5) * contrast + middle
    levels = np.rint(255 * curve.clip(0, 1)).astype(int).tolist()
    return image.convert("RGB", matrix=tuple(matrix)).point(levels * 3)


def _vary_painting(image: Tensor, rng: random.Random) -> Tensor:
    """Vary hues, saturation, exposure and contrast; sometimes invert, add grain or sharpen."""
    if rng.random() < 0.6:
        image = torch.einsum("ij,jhw->ihw", _turn_hues(rng.uniform(-math.pi, math.pi)), image)
    if rng.random() < 0.15:
        image = 1 - image
    gray = image.mean(0, keepdim=True)
    image = gray + rng.uniform(0.3, 1.7) * (image - gray)
    exposed = image.clamp(0, 1) ** math.exp(rng.uniform(-0.4, 0.4))
    image = 0.5 + rng.uniform(0.7, 1.3) * (exposed - 0.5) + rng.uniform(-0.08, 0.08)
    touch = rng.random()
    if touch < 0.15:
        image = image + rng.uniform(0.01, 0.06) * _noise(image, rng)
    elif touch < 0.3:
        image = image + rng.uniform(0.5, 1.5) * (image - F.avg_pool2d(image[None], 3, 1, 1)[0])
    return image.clamp(0, 1)


def _turn_hues(angle: float) -> Tensor:
    """Matrix that rotates colors about the gray axis, (3, 3) (Rodrigues' formula)."""
    cross = _GRAY_AXIS * torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]])
    turn: Tensor = torch.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * (cross @ cross)
    return turn


def _noise(image: Tensor, rng: random.Random) -> Tensor:
    """Normally distributed noise, gray or colored."""
    source = torch.Generator().manual_seed(rng.getrandbits(63))
    return torch.randn(rng.choice((1, 3)), *image.shape[1:], generator=source)


def _unreadable(photos: Photos, tries: int, first: str) -> ImageError:
    if tries < len(photos):
        return ImageError(f"{tries} photos in a row, of {photos.description}, cannot be read: {first}")
    return ImageError(f"none of the {photos.description} can be read: {first}")

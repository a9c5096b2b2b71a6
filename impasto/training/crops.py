"""Square crops of photos and paintings. Each follows from the seed and its number alone."""

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
from impasto.imaging.color import to_srgb
from impasto.imaging.tone import to_range
from impasto.training.photos import Photos, reading

_MAX_TRIES = 100  # unreadable photos in a row, after which the rest are taken to be no better
_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
_GRAY_AXIS = 1 / math.sqrt(3)  # each coordinate of the unit vector along the grays
_LONG_SIDES = (400, 620)  # pixels that a whole painting's long side is seen at: 512 is usual
_BICUBIC = Image.Resampling.BICUBIC

# From the stored picture to the upright one, by the value of the EXIF orientation tag.
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
        side: as a share of the photo's short side, in (0, 1].
        x, y: its place between the left and right, and the top and bottom, most that fit, in [0, 1].
        angle: in degrees, turned about its centre; a square too large for that is made smaller.
        mirrored: left to right.
    """

    side: float = 1.0
    x: float = 0.5
    y: float = 0.5
    angle: float = 0.0
    mirrored: bool = False


@dataclass(frozen=True)
class Crops:
    """Training samples without end, of which number k is always the same tensor.

    Every epoch, as many samples as there are photos, shows each photo once, in an order of its own.

    Attributes:
        photos: at least one.
        size: side of a sample, pixels.
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
        """(3, size, size) float32 in [0, 1]. Raises ImageError if one photo after the other is unreadable."""
        return self.draw(number)[0]

    def draw(self, number: int) -> tuple[Tensor, tuple[str, ...]]:
        """The sample of a number, 0 or more, and the names of the unreadable photos met on the way to it.

        In place of an unreadable photo stands the next one in the order of the epoch.
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
    """Crops of paintings, seen as near as a style picture is.

    Their colors are varied, so that some hundred paintings stand for all styles.
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
    """The middle squares of the first photos that can be read, (N, 3, size, size) in [0, 1], N <= count.

    Raises:
        ImageError: none can be read.
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
    """(N, 3, H, W) in channels_last memory."""
    batch = torch.empty((len(images), *images[0].shape), memory_format=torch.channels_last)
    for place, image in enumerate(images):
        batch[place] = image
    return batch


def cut_square(image: Image.Image, cut: CropPosition, size: int, name: str) -> Image.Image:
    """A square of a photo, size x size pixels, upright, in mode RGB, sRGB but for the profiles of RGB files.

    Raises:
        ImageError: the photo is damaged.
    """
    with reading(name):
        turn = abs(math.cos(math.radians(cut.angle))) + abs(math.sin(math.radians(cut.angle)))
        outer = min(1.0, cut.side * turn)  # the upright square around the turned one
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
    """Let a JPEG decode to half, a quarter or an eighth, if its short side stays that long."""
    share = short / min(image.size)
    image.draft(None, (math.ceil(image.width * share), math.ceil(image.height * share)))


def _plain(image: Image.Image, name: str) -> Image.Image:
    """The picture in a mode that can be resampled: L, RGB, RGBA, CMYK or LAB."""
    image.load()
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _eight_bit(image, name)
    if image.has_transparency_data:
        return image.convert("RGBA")
    if image.mode in ("RGB", "L", "CMYK", "LAB"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _eight_bit(image: Image.Image, name: str) -> Image.Image:
    """Gray with more than 8 bits, in mode L. Raises ValueError or ImageError if its scale is unknown."""
    if image.mode == "F":
        shares, _ = to_range(np.asarray(image)[..., None], name)
        return Image.fromarray(np.rint(shares[..., 0] * 255).astype(np.uint8))
    values = np.asarray(image, np.float32)
    if not (values.min() >= 0 and values.max() <= 65535):
        raise ValueError("its values are not from 0 to 65535")
    return Image.fromarray(np.rint(values * (255 / 65535)).astype(np.uint8))


def _box(size: tuple[int, int], share: float, cut: CropPosition) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a square, in pixels of a picture of that width and height."""
    side = share * min(size)
    left, top = ((length - side) * place for length, place in zip(size, (cut.x, cut.y), strict=True))
    return left, top, min(left + side, size[0]), min(top + side, size[1])


def _to_rgb(image: Image.Image) -> Image.Image:
    """Mode RGB: what is transparent is laid over white; CMYK and Lab by the file's profile."""
    if image.mode == "RGBA":
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        return white
    if image.mode in ("CMYK", "LAB"):
        return to_srgb(image, image.info.get("icc_profile"))[0]
    return image.convert("RGB")


def _upright(square: Image.Image, photo: Image.Image) -> Image.Image:
    if isinstance(photo, TiffImageFile):  # Pillow has turned those already
        return square
    try:
        orientation = photo.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # EXIF is written by a thousand devices, and no photo is lost without it
        return square
    turn = _UPRIGHT.get(orientation)
    return square if turn is None else square.transpose(turn)


def _to_tensor(image: Image.Image) -> Tensor:
    """(3, H, W) in [0, 1], with the channels of a pixel side by side in memory."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float().div_(255)


@lru_cache(maxsize=2)  # a batch may end one epoch and begin the next
def _order(count: int, seed: int, epoch: int) -> NDArray[np.int32]:
    """The order in which an epoch shows the photos."""
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
    """Vary hues, saturation, exposure and contrast; now and then take the negative, add grain or sharpen."""
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
    """The rotation of colors about the grays, (3, 3) (Rodrigues' formula)."""
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

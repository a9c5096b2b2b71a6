"""Masks read from pictures, and regions that share a picture among them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.errors import ImageError, UsageError
from impasto.imaging import io
from impasto.imaging.color_transfer import luma
from impasto.imaging.files import short_hash
from impasto.imaging.geometry import Box, Size, crop, fit_long_side, needed, resampled, resize, whole

_LEVEL = 1.5 / 255  # what is darker is black: one step, as compression leaves it, counts for nothing
_TOLERANCE = 0.02  # by which shares may miss 1, as resized edges do
_FEW = 1e-3  # of the pixels: not worth a note
_GROWN_SIDE = 256  # pixels: gaps are filled at this size
_MOST_SIDE = 4096  # pixels: beyond, a mask's edges are as sharp as they are at this size


def read_mask(source: io.Source, size: tuple[int, int]) -> tuple[Tensor, tuple[str, ...]]:
    """Read a mask, from 0 where the photo stays to 1 where it is styled.

    Args:
        source: a picture, as `imaging.io.read` takes: its alpha channel if it has one, else its luma.
        size: (height, width) that it is resized to.

    Returns:
        (1, H, W) float32 in [0, 1], and sentences that the user should hear.

    Raises:
        ImageError: not a picture, or black all over.
    """
    image, info = io.read(source)
    mask = resize((luma(image) if info.alpha is None else info.alpha)[None], size)[0]
    if mask.max() < _LEVEL:
        raise ImageError(
            f"the mask {info.name} is black all over, which leaves nothing to style: make white what is to "
            "be styled"
        )
    notes = list(info.notes)
    if info.size != tuple(size):
        notes.append(
            f"the mask {info.name} has {_across(info.size)} pixels and was resized to {_across(size)}"
        )
    if mask.min() > 1 - _LEVEL:
        notes.append(f"the mask {info.name} is white all over: everything is styled")
    return mask, tuple(notes)


def share_out(masks: Sequence[Tensor], base: bool = False) -> tuple[list[Tensor], tuple[str, ...]]:
    """Turn masks of regions into shares that sum to 1 at each pixel.

    Where regions overlap, they share the pixel. What none of them covers is the base's if there is one, and
    else the nearest region's.

    Args:
        masks: at least one, each (1, H, W) in [0, 1].
        base: whether a last share is added, of what the masks leave.

    Returns:
        Shares of the same shapes, and notes where more than a thousandth of the pixels is concerned.

    Raises:
        UsageError: all masks are black, and there is no base.
    """
    regions = torch.cat(list(masks))
    if not base and regions.max() < _LEVEL:
        raise UsageError("the masks of all regions are black: make white what is to be styled")
    total = regions.sum(0, keepdim=True)
    notes = []
    if (over := _share_of(total > 1 + _TOLERANCE)) > _FEW:
        notes.append(f"the regions overlap in {over:.1%} of the picture, where they are mixed")
    if base:
        regions = torch.cat([regions, (1 - total).clamp(min=0)])
    elif (under := _share_of(total < 1 - _TOLERANCE)) > _FEW:
        notes.append(f"the regions leave {under:.1%} of the picture free, which the nearest one takes")
    return [share[None] for share in _filled(regions)], tuple(notes)


def blend(picture: Tensor, photo: Tensor, mask: Tensor) -> Tensor:
    """The picture where the mask, (1, H, W) in [0, 1], is 1, the photo where it is 0: (..., 3, H, W)."""
    return torch.lerp(photo, picture, mask.to(picture))


def _across(size: tuple[int, int]) -> str:
    return f"{size[1]} x {size[0]}"


def _share_of(where: Tensor) -> float:
    return float(where.float().mean())


def _filled(regions: Tensor) -> Tensor:
    """Divide (R, H, W) by its sum, and grow it to where that is zero."""
    total = regions.sum(0, keepdim=True)
    if total.min() < _LEVEL:
        height, width = regions.shape[1:]
        small = fit_long_side((height, width), min(_GROWN_SIDE, max(height, width)))
        grown = _grown(F.adaptive_max_pool2d(regions, small))  # which loses no region, however small
        near = F.interpolate(grown[None], size=(height, width), mode="bilinear", align_corners=False)[0]
        regions = torch.where(total < _LEVEL, near, regions)
    return regions / regions.sum(0, keepdim=True)


def _grown(regions: Tensor) -> Tensor:
    """Shares that sum to 1: what is empty takes over its neighbours', ring by ring."""
    covered = regions.sum(0, keepdim=True) >= _LEVEL
    shares = torch.where(covered, regions, 0)
    shares = shares / shares.sum(0, keepdim=True).clamp(min=_LEVEL)
    while not bool(covered.all()):
        around = F.avg_pool2d(shares[None], 3, 1, 1)[0]
        reached = around.sum(0, keepdim=True)
        shares = torch.where(covered, shares, around / reached.clamp(min=1e-6))
        covered = covered | (reached > 0)
    return shares


class Masks:
    """Masks of a picture of any size, read again for each.

    Args:
        sources: pictures, as `imaging.io.read` takes.

    Attributes:
        digests: 16 hexadecimal digits of each, which tell what they show.
        notes: sentences that the user should hear, on the first picture that they were wanted for.

    Raises ImageError: not a picture, or black all over.
    """

    def __init__(self, sources: Sequence[io.Source]) -> None:
        self._sources = tuple(sources)
        self.digests = tuple(_digest(source) for source in self._sources)
        self.notes: tuple[str, ...] = ()
        self._size: Size = (0, 0)
        self._planes: tuple[Tensor, ...] = ()

    def parts(self, size: Size, box: Box | None = None) -> tuple[Tensor, ...]:
        """Masks (1, h, w) in [0, 1], for a box of a picture of (height, width); None for all of it."""
        small = fit_long_side(size, min(_MOST_SIDE, max(size)))
        if small != self._size:
            self._planes, notes = self._read(small)
            self._size, self.notes = small, self.notes or notes
        box = box or whole(size)
        source = needed(box, size, small)
        parts = (crop(plane, whole(small), source) for plane in self._planes)
        return tuple(resampled(part, source, small, box, size) for part in parts)

    def _read(self, size: Size) -> tuple[tuple[Tensor, ...], tuple[str, ...]]:
        read = [read_mask(source, size) for source in self._sources]
        return tuple(mask for mask, _ in read), tuple(note for _, notes in read for note in notes)


class RegionWeights(Masks):
    """The shares of regions, which sum to 1 at each pixel.

    Args:
        sources: the masks of regions; without any, all is one region.
        base: whether a last region takes what they leave; else the nearest one does.
    """

    def __init__(self, sources: Sequence[io.Source], *, base: bool) -> None:
        super().__init__(sources)
        self._base = base

    def parts(self, size: Size, box: Box | None = None) -> tuple[Tensor, ...]:
        """Weights (1, h, w) of each region; (1, 1, 1) where there is only one."""
        return super().parts(size, box) if self._sources else (torch.ones(1, 1, 1),)

    def _read(self, size: Size) -> tuple[tuple[Tensor, ...], tuple[str, ...]]:
        masks, notes = super()._read(size)
        shares, more = share_out(masks, self._base)
        return tuple(shares), notes + more


def _digest(source: io.Source) -> str:
    _, info = io.read(source)
    mask, _ = read_mask(source, info.size)
    levels = mask.mul(255).round().byte().contiguous().numpy()
    return short_hash([f"{mask.shape}".encode(), levels.tobytes()])

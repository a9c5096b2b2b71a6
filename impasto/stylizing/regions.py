"""Weights of regions: masks resized to whatever is painted, whole or in parts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

from impasto.imaging import io
from impasto.imaging.geometry import fit_long_side
from impasto.imaging.masks import read_mask, share_out
from impasto.stylizing.resampling import Box, Size, crop, needed, resampled, whole

_MOST_SIDE = 4096  # pixels: beyond, a mask's edges are as sharp as they are at this size


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
        return tuple(_part(plane, small, size, box) for plane in self._planes)

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


def _part(plane: Tensor, small: Size, size: Size, box: Box) -> Tensor:
    source = needed(box, size, small)
    return resampled(crop(plane, whole(small), source), source, small, box, size)


def _digest(source: io.Source) -> str:
    _, info = io.read(source)
    mask, _ = read_mask(source, info.size)
    levels = mask.mul(255).round().byte().contiguous().numpy()
    return hashlib.sha256(f"{mask.shape}".encode() + levels.tobytes()).hexdigest()[:16]

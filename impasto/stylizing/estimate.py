"""Estimate the memory of applying a network."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from impasto.device import cuda_libraries, memory_error

_TRIAL_SIDE = 256  # pixels: a fraction of a second; borders, and kernels of one size, add little
IMAGES = 4.0 * 12  # bytes a pixel: photo, picture, and two of them on the way
_MARGIN = 1.1  # convolutions have buffers of their own, and allocators round up
_LEAST_SIDE = 64  # pixels; no advice to go below
_LIBRARIES = 290_000_000 + cuda_libraries()  # bytes that Python and torch take
_GONE = 4 * 6  # bytes a pixel, of those above: no two of the images are there when the network needs most
_DECODED, _ENCODED = 4, 9  # bytes a pixel of a large photo, and of a picture while it is compressed


def bytes_per_pixel(paint: Callable[[Tensor], Tensor], dtype: torch.dtype = torch.float32) -> float:
    """Measure the peak bytes per pixel that a function of (1, 3, H, W) takes, on a small image."""
    image = torch.zeros(1, 3, _TRIAL_SIDE, _TRIAL_SIDE, dtype=dtype)
    live = _Live()
    with torch.inference_mode(), live:
        paint(image.contiguous(memory_format=torch.channels_last))
    return _MARGIN * live.peak / _TRIAL_SIDE**2 + IMAGES


def check_memory(size: tuple[int, int], per_pixel: float, available: int) -> None:
    """Raise MemoryLimitError, naming a size that fits, if a picture of (height, width) would not."""
    height, width = size
    needed = per_pixel * height * width
    if needed <= available:
        return
    side = int(0.95 * max(size) * (available / needed) ** 0.5)
    advice = f"try size={side}" if side >= _LEAST_SIDE else "close other programs"
    raise memory_error(f"a picture of {width} x {height} pixels needs", needed, available, advice)


def peak_whole(pixels: int, per_pixel: float) -> int:
    """Estimate the peak bytes of a process that stylizes a picture of this many pixels whole."""
    return int(_LIBRARIES + pixels * (per_pixel - _GONE))


def peak_in_tiles(
    pixels: int, per_pixel: float, *, sampled: int, seen: int, held: bool, collected: bool
) -> int:
    """Estimate the peak bytes of a process that stylizes a picture in tiles.

    Three moments count: when the statistics are taken, in the last tile, and when the picture is compressed
    and the photo is gone.

    Args:
        sampled: pixels that the statistics are taken from.
        seen: pixels of a tile with its halo.
        held: whether the photo is decoded whole, not streamed.
        collected: whether the picture is compressed whole, not as it is made.
    """
    photo = _DECODED * pixels * held
    picture = pixels * collected
    sampling, painting = (int(count * (per_pixel - _GONE)) for count in (sampled, seen))
    return _LIBRARIES + max(photo + sampling, photo + 3 * picture + painting, _ENCODED * picture)


class _Live(TorchFunctionMode):
    """Counts the bytes of results while they live. A dispatch mode would see more, but loads for seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.peak: int = 0
        self._now: int = 0
        self._known: set[int] = set()

    def __torch_function__(
        self, function: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        if isinstance(result, Tensor):
            storage = result.untyped_storage()
            if storage.data_ptr() not in self._known:
                self._enter(storage)
        return result

    def _enter(self, storage: torch.UntypedStorage) -> None:
        place, size = storage.data_ptr(), storage.nbytes()
        self._known.add(place)
        self._now += size
        self.peak = max(self.peak, self._now)
        weakref.finalize(storage, self._leave, place, size)

    def _leave(self, place: int, size: int) -> None:
        self._known.discard(place)
        self._now -= size

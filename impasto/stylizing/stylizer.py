"""A trained style, ready to be applied: pictures in and out, tensors in and out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from impasto.device import DeviceName, PrecisionName, available_memory, ran_out_of_memory
from impasto.errors import ImageError, MemoryLimitError, UsageError
from impasto.imaging import io
from impasto.networks import StyleNetwork
from impasto.networks.card import Card
from impasto.networks.primed import fingerprint
from impasto.options import check_range
from impasto.stylizing.estimate import bytes_per_pixel, check_memory
from impasto.stylizing.mixture import Styles, load_styles, mix
from impasto.stylizing.runtime import Runner, RuntimeName, make_runner, resolve
from impasto.stylizing.torch_runtime import paint_bytes

_PHOTO_ALONE = 48.0  # bytes a pixel, where no network runs
_TOLERANCE = 1e-3  # rounding, as resampling and half precision leave it


class Stylizer:
    """One or several trained styles at a strength.

    Args:
        style: a shipped name, a card's file, a `Card`, a pair (style, weight), or a list of these. A name
            may carry its weight: "starry-night:0.6".
        strength: from 0, the photo, to 1, the whole style. Parameters are interpolated between the primed
            weights and the style's where it was trained from those that ship; else pictures are blended.
        device, precision: "auto" takes the fastest that is here.
        runtime: what computes. "auto" takes the fastest that is installed and paints as PyTorch does: on a
            CPU OpenVINO, which takes seconds to get ready, many times less than it saves with a video.

    Attributes:
        styles: the cards, each with its share; shares sum to 1.
        runtimes: what computes, for each network that has to run.
        networks: these, each with its share of the picture, on the device and in the precision chosen.
        photo_share: of the photo itself.
        per_pixel: bytes that painting a pixel takes.
        notes: sentences that the user should hear.

    Raises:
        UsageError, WeightsError: no such style or runtime, or one that cannot be used.
        MissingExtraError: a runtime that is not installed.

    >>> Stylizer("starry-night")("photo.jpg").save("painting.jpg")
    """

    def __init__(
        self,
        style: Styles,
        strength: float = 1.0,
        *,
        device: DeviceName = "auto",
        precision: PrecisionName = "auto",
        runtime: RuntimeName = "auto",
    ) -> None:
        check_range("strength", strength, 0, 1)
        self.strength = strength
        self.device, self.dtype = resolve(runtime, device, precision)
        self.styles = load_styles(style)
        mixture = mix(self.styles, strength)
        self.notes = mixture.notes
        self.photo_share = mixture.photo
        self.networks: list[tuple[StyleNetwork, float]] = []
        self._runners: list[tuple[Runner, float]] = []
        self.per_pixel = _PHOTO_ALONE
        for card, share in mixture.parts:
            self._prepare(card, share, runtime)
        self.runtimes = tuple(runner.name for runner, _ in self._runners)
        self._frame_shape: tuple[int, ...] = ()

    def _prepare(self, card: Card, share: float, runtime: RuntimeName) -> None:
        network = card.build()
        runner, notes = make_runner(network, runtime, self.device, self.dtype)
        if runner.name == "torch":  # others hold some of their values in float32
            network.to(self.dtype)
        self.per_pixel = max(self.per_pixel, bytes_per_pixel(network))
        network.to(self.dtype).to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.networks.append((network, share))
        self._runners.append((runner, share))
        self.notes = tuple(dict.fromkeys((*self.notes, *notes)))

    @property
    def name(self) -> str:
        """ "starry-night", or "starry-night:0.6 great-wave:0.4"."""
        names = [(card.style or card.network, share) for card, share in self.styles]
        return names[0][0] if len(names) == 1 else " ".join(f"{name}:{share:.4g}" for name, share in names)

    def record(self) -> dict[str, Any]:
        """What decides how a picture comes out, as JSON has it."""
        cards = [
            {"style": card.style, "card": fingerprint(card), "weight": round(share, 4)}
            for card, share in self.styles
        ]
        return {"styles": cards, "strength": self.strength}

    def __call__(self, photo: io.Source) -> Image.Image:
        """The picture of a photo: a file, a Pillow image, an array or a tensor, as `imaging.io.read` takes.

        It has the photo's size to the pixel, and its transparency. Raises ImpastoError.
        """
        image, info = io.read(photo)
        return io.to_pil(self.picture(image, info.alpha), info.alpha)

    def picture(self, image: Tensor, alpha: Tensor | None = None) -> Tensor:
        """The same for tensors.

        Args:
            image: (3, H, W) or (N, 3, H, W) of floats in [0, 1], on any device.
            alpha: (1, H, W); colours that it hides wholly have no influence.

        Returns:
            float32 in [0, 1], of the same shape and on the same device.

        Raises:
            UsageError, ImageError: another shape, type or range.
            MemoryLimitError: before any work, if it would not fit.
        """
        batch = _as_batch(image)
        if alpha is not None:
            batch = _without_hidden(batch, alpha)
        with _explaining(*batch.shape[-2:]):
            count = self._at_once(batch)
            painted = [self._paint(batch[start : start + count]) for start in range(0, len(batch), count)]
        whole = painted[0] if len(painted) == 1 else torch.cat(painted)
        return whole.reshape(image.shape).to(image.device)

    def frame(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The same for a frame of a video, without detours: (H, W, 3) RGB to the same shape.

        Raises UsageError for another shape or type, and MemoryLimitError.
        """
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or not frame.size:
            raise UsageError(f"a frame is (H, W, 3) of uint8, not {frame.shape} of {frame.dtype}")
        height, width, _ = frame.shape
        if frame.shape != self._frame_shape:  # all of a video have one
            check_memory((height, width), self.per_pixel, available_memory(self.device))
            self._frame_shape = frame.shape
        with _explaining(height, width):
            if len(self._runners) == 1 and not self.photo_share:
                return self._runners[0][0].frame(frame)
            return paint_bytes(self._paint, frame)

    def _at_once(self, batch: Tensor) -> int:
        """How many images of the batch fit in memory. Raises MemoryLimitError if not even one does."""
        count, _, height, width = batch.shape
        available = available_memory(self.device)
        check_memory((height, width), self.per_pixel, available)
        return max(1, min(count, int(available / (self.per_pixel * height * width))))

    def _paint(self, photos: Tensor) -> Tensor:
        photos = photos.to(self.device, torch.float32)
        painted = [self.photo_share * photos] if self.photo_share else []
        with torch.inference_mode():
            painted += [runner(photos).clamp_(0, 1).mul_(share) for runner, share in self._runners]
        return sum(painted[1:], start=painted[0]).clamp(0, 1)  # out of inference mode: an ordinary tensor


def load(
    style: Styles,
    strength: float = 1.0,
    *,
    device: DeviceName = "auto",
    precision: PrecisionName = "auto",
    runtime: RuntimeName = "auto",
) -> Stylizer:
    """A style, ready to be applied: see `Stylizer`.

    >>> impasto.load("starry-night")("photo.jpg").save("painting.jpg")
    """
    return Stylizer(style, strength, device=device, precision=precision, runtime=runtime)


def _as_batch(image: Tensor) -> Tensor:
    if image.ndim not in (3, 4) or image.shape[-3] != 3 or not image.numel():
        raise UsageError(f"an image is (3, H, W) or (N, 3, H, W), not {tuple(image.shape)}")
    if not image.is_floating_point():
        raise UsageError(f"an image holds floats in 0..1, not {image.dtype}; divide bytes by 255")
    low, high = (float(value) for value in image.detach().aminmax())
    if not (low >= -_TOLERANCE and high <= 1 + _TOLERANCE):
        raise ImageError(f"the image has values from {low:g} to {high:g}; scale them to the range 0 to 1")
    batch = image.detach() if low >= 0 and high <= 1 else image.detach().clamp(0, 1)
    return batch if batch.ndim == 4 else batch[None]


def _without_hidden(batch: Tensor, alpha: Tensor) -> Tensor:
    """Colours that cannot be seen, often black, would shift the statistics that the network normalises by:
    the mean of those that can takes their place.
    """
    weight = alpha.to(batch)
    whole = weight.sum()
    if whole <= 0:
        return batch
    mean = (batch * weight).sum((-2, -1), keepdim=True) / whole
    return torch.where(weight > 0, batch, mean)


@contextmanager
def _explaining(height: int, width: int) -> Iterator[None]:
    """Tell the size where memory ran out in spite of the estimate."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not ran_out_of_memory(error):
            raise
        side = max(1, round(0.7 * max(height, width)))
        raise MemoryLimitError(f"memory ran out at {width} x {height} pixels; try --size {side}") from error

"""Trained styles, ready to be applied: pictures in and out, tensors in and out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from impasto.device import DeviceName, PrecisionName, available_memory, ran_out_of_memory
from impasto.errors import MemoryLimitError, UsageError
from impasto.imaging import io
from impasto.imaging.arrays import without_hidden
from impasto.imaging.geometry import Size, resize
from impasto.imaging.masks import RegionWeights
from impasto.networks import StyleNetwork
from impasto.networks.card import ADAPTIVE, Card, fingerprint
from impasto.options import check_range, check_whole
from impasto.styles.mixture import Styles, load_styles, mix
from impasto.stylizing.estimate import IMAGES, bytes_per_pixel, check_memory
from impasto.stylizing.finishing import FramePostprocessor, Postprocessor, Refiner
from impasto.stylizing.options import StyleControls
from impasto.stylizing.pixels import as_batch, as_image, as_pixels, paint_bytes
from impasto.stylizing.runners import make_runner
from impasto.stylizing.runtime import Runner, RuntimeName, resolve

if TYPE_CHECKING:
    from impasto.imaging.video.clip import Pixels

StyleRegions = Mapping[Any, Styles] | Sequence[tuple[io.Source, Styles]]  # masks, each with its styles

_LEAST_SIDE = 16  # pixels of a photo that large strokes make small
_SHARES = 16.0  # bytes a pixel of a region's share, and of a picture that is added
_UNSEEN = 1.5  # times what the last touches are seen to take, by what their products of matrices do


class Stylizer:
    """One or several trained styles at a strength.

    Args:
        style: a shipped name, a card's file, a `Card`, a pair (style, weight), or a list of these. A name
            may carry its weight: "starry-night:0.6". None where there are regions only.
        strength: from 0, the photo, to 1, the whole style. Parameters are interpolated between the primed
            weights and the style's where it was trained from those that ship; else pictures are blended.
        mask: a picture that is white where the style goes and black where the photo stays; gray mixes. It is
            resized to each photo.
        region: styles by region, {mask: style} or pairs: each goes where its mask is white. What the masks
            leave is `style`'s, or the nearest region's if that is None.
        device, precision: "auto" takes the fastest that is here.
        runtime: what computes. "auto" takes the fastest that is installed and paints as PyTorch does: on a
            CPU OpenVINO, which takes seconds to get ready, many times less than it saves with a video.
        refine: gradients of painting on top of what the networks make of a picture; not of frames.
        controls: the fields of `StyleControls`, such as keep_color="luminance".

    Attributes:
        ensembles: what paints, one for each region.
        shares: where each of them does.
        refine: gradients of painting on top.
        finish: what is done to a painted picture.
        per_pixel: bytes that painting a pixel takes.

    Raises:
        UsageError, WeightsError: no such style or runtime, or one that cannot be used.
        ImageError: a mask that cannot be read, or is black all over.
        MissingExtraError: a runtime that is not installed.

    >>> Stylizer("starry-night")("photo.jpg").save("painting.jpg")
    """

    def __init__(
        self,
        style: Styles | None,
        strength: float = 1.0,
        *,
        mask: io.Source | None = None,
        region: StyleRegions = (),
        device: DeviceName = "auto",
        precision: PrecisionName = "auto",
        runtime: RuntimeName = "auto",
        refine: int = 0,
        **controls: Any,
    ) -> None:
        check_range("strength", strength, 0, 1)
        check_whole("refine", refine, 0, 1_000_000)
        regions = list(region.items() if isinstance(region, Mapping) else region)
        if style is None and not regions:
            raise UsageError("a stylizer needs a style, or regions with styles")
        if refine and (regions or style is None):
            raise UsageError("refine is for one style all over: leave out the regions")
        self.strength = strength
        self.device, self.dtype = resolve(runtime, device, precision)
        self.shares = RegionWeights([mask for mask, _ in regions], base=style is not None)
        wanted = [*(styles for _, styles in regions), *([] if style is None else [style])]
        self.ensembles = [Ensemble(one, strength, self.device, self.dtype, runtime) for one in wanted]
        predicted = all(ensemble.is_predicted for ensemble in self.ensembles)
        self.finish = Postprocessor(StyleControls(**controls).for_networks(predicted=predicted), mask)
        self.refine = refine
        self._refiner = (
            Refiner(style, refine, strength, device, precision) if refine and style is not None else None
        )
        self.per_pixel = self._estimate()
        self._frame_shape: tuple[int, ...] = ()

    def _estimate(self) -> float:
        controls = self.finish.controls
        networks = max(ensemble.per_pixel for ensemble in self.ensembles) - IMAGES
        painting = IMAGES + networks / controls.stroke_size**2
        finishing = bytes_per_pixel(lambda photo: Postprocessor(controls)(photo, photo)) * _UNSEEN
        more = _SHARES * (len(self.ensembles) - 1)
        return max(painting, 0 if self.finish.is_nothing else finishing) + more

    @property
    def name(self) -> str:
        """ "starry-night", or "starry-night:0.6 great-wave:0.4"; of regions, one after the other."""
        return " | ".join(ensemble.name for ensemble in self.ensembles)

    @property
    def runtimes(self) -> tuple[RuntimeName, ...]:
        """Runtime of each network that has to run."""
        return tuple(name for ensemble in self.ensembles for name in ensemble.runtimes)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences that the user should hear; more of them, on masks, after the first picture."""
        own = [note for ensemble in self.ensembles for note in ensemble.notes]
        return tuple(dict.fromkeys((*own, *self.shares.notes, *self.finish.notes)))

    def record(self) -> dict[str, Any]:
        """Settings that affect the picture, JSON-serializable."""
        records = [ensemble.record() for ensemble in self.ensembles]
        regions = [
            {"mask": mask, "styles": styles}
            for mask, styles in zip(self.shares.digests, records, strict=False)
        ]
        base = records[len(regions) :]
        return {
            "styles": base[0] if base else [],
            "strength": self.strength,
            **({"regions": regions} if regions else {}),
            **({"refine": self.refine} if self.refine else {}),
            **self.finish.record(),
        }

    def __call__(self, photo: io.Source) -> Image.Image:
        """Stylize a photo: a file, a Pillow image, an array or a tensor, as `imaging.io.read` takes.

        It has the photo's size to the pixel, and its transparency. Raises ImpastoError.
        """
        image, info = io.read(photo)
        return io.to_pil(self.picture(image, info.alpha), info.alpha)

    def picture(self, image: Tensor, alpha: Tensor | None = None) -> Tensor:
        """Stylize tensors.

        Args:
            image: (3, H, W) or (N, 3, H, W) of floats in [0, 1], on any device.
            alpha: (1, H, W); colors that it hides wholly have no influence.

        Returns:
            float32 in [0, 1], of the same shape and on the same device.

        Raises:
            UsageError, ImageError: another shape, type or range.
            MemoryLimitError: before any work, if it would not fit.
        """
        batch = as_batch(image)
        if alpha is not None:
            batch = without_hidden(batch, alpha)
        with _explaining(*batch.shape[-2:]):
            count = self._at_once(batch)
            parts = [batch[start : start + count] for start in range(0, len(batch), count)]
            painted = [self._whole(photos, alpha) for photos in parts]
        whole = painted[0] if len(painted) == 1 else torch.cat(painted)
        return whole.reshape(image.shape).to(image.device)

    def frame(self, frame: Pixels) -> Pixels:
        """Stylize a video frame directly: (H, W, 3) RGB to the same shape.

        Raises UsageError for another shape or type, and MemoryLimitError.
        """
        return FramePostprocessor(self.finish)(frame, self.paint_frame(frame))

    def paint_frame(self, frame: Pixels) -> Pixels:
        """Stylize a frame without postprocessing. Raises as `frame`."""
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or not frame.size:
            raise UsageError(f"a frame is (H, W, 3) of uint8, not {frame.shape} of {frame.dtype}")
        height, width, _ = frame.shape
        if frame.shape != self._frame_shape:  # all of a video have one
            check_memory((height, width), self.per_pixel, available_memory(self.device))
            self._frame_shape = frame.shape
        with _explaining(height, width):
            if not self.shares.digests and self.seen_size((height, width)) == (height, width):
                return self.ensembles[0].frame(frame)
            return paint_bytes(lambda photo: self._paint(photo, _paint_as_frame), frame)

    def seen_size(self, size: Size) -> Size:
        """Size at which networks see a photo of (height, width), so that strokes have their size."""
        strokes = min(self.finish.controls.stroke_size, max(1.0, min(size) / _LEAST_SIDE))
        height, width = (max(1, round(side / strokes)) for side in size)
        return height, width

    def _at_once(self, batch: Tensor) -> int:
        """Number of images that fit in memory. Raises MemoryLimitError if not even one does."""
        count, _, height, width = batch.shape
        available = available_memory(self.device)
        check_memory((height, width), self.per_pixel, available)
        return max(1, min(count, int(available / (self.per_pixel * height * width))))

    def _whole(self, photos: Tensor, alpha: Tensor | None) -> Tensor:
        photos = photos.to(self.device, torch.float32)
        painted = self._paint(photos, Ensemble.picture)
        if self._refiner is not None:
            painted = self._refiner(photos, painted)
        return self.finish(painted, photos, alpha=alpha)

    def _paint(self, photos: Tensor, paint: Callable[[Ensemble, Tensor], Tensor]) -> Tensor:
        """Paint each region with its style, (N, 3, H, W)."""
        size = (photos.shape[-2], photos.shape[-1])
        seen = resize(photos, self.seen_size(size))
        if not self.shares.digests:
            return resize(paint(self.ensembles[0], seen), size)
        painted = torch.zeros_like(photos)
        for ensemble, share in zip(self.ensembles, self.shares.parts(size), strict=True):
            if share.any():
                painted += resize(paint(ensemble, seen), size) * share.to(self.device)
        return painted.clamp_(0, 1)


def load(style: Styles | None, strength: float = 1.0, **options: Any) -> Stylizer:
    """Load a style, ready to be applied; takes the arguments of `Stylizer`.

    >>> impasto.load("starry-night")("photo.jpg").save("painting.jpg")
    """
    return Stylizer(style, strength, **options)


def _paint_as_frame(ensemble: Ensemble, photos: Tensor) -> Tensor:
    """Stylize (1, 3, H, W) by the runtime's path for frames, which is faster."""
    return as_image(ensemble.frame(as_pixels(photos[0])))[None]


@contextmanager
def _explaining(height: int, width: int) -> Iterator[None]:
    """Name the size in the error where memory ran out in spite of the estimate."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not ran_out_of_memory(error):
            raise
        side = max(1, round(0.7 * max(height, width)))
        raise MemoryLimitError(f"memory ran out at {width} x {height} pixels; try size={side}") from error


class Ensemble:
    """One or several trained styles at a strength, with nothing else.

    Args:
        style, strength, runtime: as for `stylizing.Stylizer`.
        device, dtype: where to compute, and how exactly.

    Attributes:
        styles: the cards, each with its share; shares sum to 1.
        networks: those that have to run, each with its share of the picture, on the device.
        runtimes: what computes each of them.
        photo_share: of the photo itself.
        per_pixel: bytes that painting a pixel takes.
        notes: sentences that the user should hear.
    """

    def __init__(
        self, style: Styles, strength: float, device: torch.device, dtype: torch.dtype, runtime: RuntimeName
    ) -> None:
        self._device, self._dtype = device, dtype
        self.styles = load_styles(style)
        mixture = mix(self.styles, strength)
        self.notes = mixture.notes
        self.photo_share = mixture.photo
        self.networks: list[tuple[StyleNetwork, float]] = []
        self._runners: list[tuple[Runner, float]] = []
        self.per_pixel = IMAGES
        for card, share in mixture.parts:
            self._prepare(card, share, runtime)
        self.runtimes = tuple(runner.name for runner, _ in self._runners)

    def _prepare(self, card: Card, share: float, runtime: RuntimeName) -> None:
        network = card.build()
        runner, notes = make_runner(network, runtime, self._device, self._dtype)
        if runner.name == "torch":  # others hold some of their values in float32
            network.to(self._dtype)
        self.per_pixel = max(self.per_pixel, bytes_per_pixel(network, next(network.parameters()).dtype))
        network.to(self._dtype).to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.networks.append((network, share))
        self._runners.append((runner, share))
        self.notes = tuple(dict.fromkeys((*self.notes, *notes)))

    @property
    def name(self) -> str:
        """ "starry-night", or "starry-night:0.6 great-wave:0.4"."""
        names = [(card.style or card.network, share) for card, share in self.styles]
        return names[0][0] if len(names) == 1 else " ".join(f"{name}:{share:.4g}" for name, share in names)

    @property
    def is_predicted(self) -> bool:
        """Return whether the adaptive network wrote all of the styles' cards."""
        return all(card.recipe == ADAPTIVE for card, _ in self.styles)

    def record(self) -> list[dict[str, Any]]:
        """Describe the styles, JSON-serializable."""
        return [
            {"style": card.style, "card": fingerprint(card), "weight": round(share, 4)}
            for card, share in self.styles
        ]

    def picture(self, photos: Tensor) -> Tensor:
        """Stylize (N, 3, H, W) in [0, 1] to float32 of the same shape, on the device."""
        photos = photos.to(self._device, torch.float32)
        painted = [self.photo_share * photos] if self.photo_share else []
        with torch.inference_mode():
            painted += [runner(photos).clamp_(0, 1).mul_(share) for runner, share in self._runners]
        return sum(painted[1:], start=painted[0]).clamp(0, 1)  # out of inference mode: an ordinary tensor

    def frame(self, frame: Pixels) -> Pixels:
        """Paint a video frame, (H, W, 3), without conversion to tensors and back."""
        if len(self._runners) == 1 and not self.photo_share:
            return self._runners[0][0].frame(frame)
        return paint_bytes(self.picture, frame)

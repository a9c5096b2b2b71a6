"""Finish pictures of networks: refine them by painting, restore light, colors and detail of the photo."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from impasto import backbones
from impasto.backbones import Backbone
from impasto.device import DeviceName, PrecisionName
from impasto.imaging import detail, io, light
from impasto.imaging.color_transfer import keep_color
from impasto.imaging.detail import return_detail
from impasto.imaging.geometry import Box, Size
from impasto.imaging.light import return_light
from impasto.imaging.masks import Masks, blend
from impasto.imaging.style import read_style
from impasto.painting.objective import Style
from impasto.painting.options import PaintOptions
from impasto.painting.scales import paint_steps
from impasto.styles.mixture import Styles, find_pictures
from impasto.stylizing.motion import is_cut
from impasto.stylizing.options import StyleControls
from impasto.stylizing.pixels import as_image, as_pixels

if TYPE_CHECKING:
    from impasto.imaging.video.clip import Pixels

_RECENT = 12  # frames whose colors count together, half a second: those of one would flicker
_GRID = 64  # pixels of a frame's long side that they are taken from


class Postprocessor:
    """The last touches.

    Args:
        controls: what is asked for.
        mask: white where the picture is to be seen, black where the photo stays; None for white.

    Attributes:
        halo: pixels around a part of a picture that its result depends on.

    Raises ImageError: not a mask.
    """

    def __init__(self, controls: StyleControls, mask: io.Source | None = None) -> None:
        self.controls = controls
        self._masks = Masks([] if mask is None else [mask])
        self.halo = (light.HALO if controls.keep_light else 0) + (detail.HALO if controls.detail else 0)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences that the user should hear, on the mask and the first picture."""
        return self._masks.notes

    @property
    def is_nothing(self) -> bool:
        """Return whether pictures stay as they are."""
        controls = self.controls
        keeps_color = controls.keep_color != "none" and controls.keep_color_amount > 0
        return not (keeps_color or controls.keep_light or controls.detail or self._masks.digests)

    def record(self) -> dict[str, Any]:
        """Settings that affect the picture, JSON-serializable; empty by default."""
        mask = "".join(self._masks.digests)
        return {**self.controls.record(), **({"mask": mask} if mask else {})}

    def __call__(
        self,
        picture: Tensor,
        photo: Tensor,
        *,
        alpha: Tensor | None = None,
        seen: tuple[Tensor, Tensor] | None = None,
        size: Size | None = None,
        box: Box | None = None,
    ) -> Tensor:
        """The finished picture.

        Args:
            picture, photo: (3, H, W) or (N, 3, H, W) in [0, 1].
            alpha, seen: as for `imaging.color_transfer.keep_color`.
            size, box: of which picture they are a part, and which; without, they are whole.
        """
        controls = self.controls
        start = (0, 0) if box is None else box[:2]
        if controls.is_statistical:
            seen = seen or (picture, photo)  # before the light, as all that is known of a part's whole
        picture = return_light(picture, photo, controls.keep_light or 0, seen=seen, alpha=alpha, offset=start)
        picture = keep_color(
            picture, photo, controls.keep_color, controls.keep_color_amount, seen=seen, alpha=alpha
        )
        picture = return_detail(picture, photo, controls.detail)
        for mask in self._masks.parts(size or (photo.shape[-2], photo.shape[-1]), box):
            picture = blend(picture, photo, mask)
        return picture


class FramePostprocessor:
    """Postprocess the frames of a video in order; color statistics are smoothed over half a second."""

    def __init__(self, finish: Postprocessor) -> None:
        self._finish = finish
        self._recent: list[tuple[Pixels, Pixels]] = []  # grids of pixels of picture and photo

    def __call__(self, photo: Pixels, picture: Pixels) -> Pixels:
        """The finished picture of a photo, all (H, W, 3)."""
        if self._finish.is_nothing:
            return picture
        seen = self._look(picture, photo) if self._finish.controls.is_statistical else None
        planes = (as_image(pixels).contiguous() for pixels in (picture, photo))  # thrice as fast
        return as_pixels(self._finish(*planes, seen=seen))

    @property
    def notes(self) -> tuple[str, ...]:
        """As of `Postprocessor`."""
        return self._finish.notes

    @property
    def state(self) -> dict[str, Pixels]:
        """State that the next frame depends on, for `restore`."""
        if not self._recent:
            return {}
        pictures, photos = (np.stack(grids) for grids in zip(*self._recent, strict=True))
        return {"seen_pictures": pictures, "seen_photos": photos}

    def restore(self, state: Mapping[str, Pixels]) -> None:
        """Go on from a `state`."""
        if "seen_photos" in state:
            self._recent = list(zip(state["seen_pictures"], state["seen_photos"], strict=True))

    def _look(self, picture: Pixels, photo: Pixels) -> tuple[Tensor, Tensor]:
        """Color samples of this frame and those before it, (3, n, w) each."""
        step = -(-max(photo.shape) // _GRID)
        grids = picture[::step, ::step], photo[::step, ::step]
        before = self._recent[-1][1] if self._recent else grids[1]
        if before.shape != grids[1].shape or is_cut(before, grids[1]):
            self._recent = []
        self._recent = [*self._recent[1 - _RECENT :], grids]
        pictures, photos = (np.concatenate(grids) for grids in zip(*self._recent, strict=True))
        return as_image(pictures), as_image(photos)


class Refiner:
    """Moves a picture towards its style by the objective of a painting, starting from the picture.

    Args:
        style: as `Stylizer` takes it.
        gradients: number of gradient steps, at the picture's full size.
        strength: of the stylizer, from 0 to 1; 1 is the default strength of a painting.
        device, precision: where to compute, and how exactly.

    Raises UsageError for a style whose picture is not at hand, such as a card of one's own.
    """

    def __init__(
        self,
        style: Styles,
        gradients: int,
        strength: float,
        device: DeviceName,
        precision: PrecisionName,
    ) -> None:
        self._options = PaintOptions(
            size=None,
            scales=1,
            iterations=gradients,
            strength=strength * PaintOptions.strength,
            init="picture",
            device=device,
            precision=precision,
        )
        self._pictures = find_pictures(style)

    def __call__(self, photos: Tensor, pictures: Tensor) -> Tensor:
        """Refine pictures of photos, both (N, 3, H, W) in [0, 1]; shape and device stay."""
        return torch.stack([self._refine(*pair) for pair in zip(photos, pictures, strict=True)])

    def _refine(self, photo: Tensor, picture: Tensor) -> Tensor:
        *_, step = paint_steps(photo.cpu(), self._styles, self._backbone, self._options, start=picture.cpu())
        return step.image.to(picture)

    @cached_property
    def _styles(self) -> list[Style]:
        styles = []
        for path, weight in self._pictures:
            image, info = read_style(path)
            styles.append(Style(image, weight, info.alpha))
        return styles

    @cached_property
    def _backbone(self) -> Backbone:
        return backbones.load(self._options.backbone, pooling=self._options.pooling)

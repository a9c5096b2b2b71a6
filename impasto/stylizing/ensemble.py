"""Networks whose pictures, and the photo, add up to one picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from impasto.networks import StyleNetwork
from impasto.networks.card import ADAPTIVE, Card, fingerprint
from impasto.styles.mixture import Styles, load_styles, mix
from impasto.stylizing.estimate import IMAGES, bytes_per_pixel
from impasto.stylizing.pixels import paint_bytes
from impasto.stylizing.runners import make_runner
from impasto.stylizing.runtime import Runner, RuntimeName

if TYPE_CHECKING:
    from impasto.imaging.video.clip import Pixels


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

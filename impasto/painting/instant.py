"""Where a painting begins: with what the style's instant card makes of the photo."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from impasto.encoding import card_of
from impasto.imaging.geometry import fit_long_side, resize
from impasto.networks.card import Card
from impasto.networks.mixing import interpolate
from impasto.networks.primed import load_primed
from impasto.painting.objective import Style

_LARGEST = 1024  # pixels of the long side: what is finer, the painting itself adds


def instant(photo: Tensor, styles: Sequence[Style], regions: Sequence[Tensor], strength: float) -> Tensor:
    """A first painting, (3, h, w) in [0, 1], of the photo's shape, and no larger than the photo.

    Args:
        photo: (3, H, W) in [0, 1].
        styles, regions: as `scales.paint_steps` takes them.
        strength: of the painting; from a half on, the start is all style, and at 0 the photo.
    """
    if strength == 0:
        return photo
    size = (photo.shape[1], photo.shape[2])
    seen = resize(photo[None], fit_long_side(size, min(max(size), _LARGEST)))
    painted = [
        _paint(seen, [style for style in styles if style.region == region], min(1.0, 2 * strength))
        for region in range(max(1, len(regions)))
    ]
    if not regions:
        return painted[0][0]
    shares = [resize(mask[None], (seen.shape[2], seen.shape[3])) for mask in regions]
    rest = (1 - torch.stack(shares).sum(0)).clamp_min(0)
    blended = rest * seen + sum(share * one for share, one in zip(shares, painted, strict=True))
    return blended[0].clamp(0, 1)


def _paint(photo: Tensor, styles: Sequence[Style], strength: float) -> Tensor:
    """What the card between those of the styles makes of (1, 3, h, w)."""
    parts: list[tuple[Card, float]] = [(card_of(s.image, s.alpha), strength * s.weight) for s in styles]
    primed = load_primed()
    assert primed, "the package holds primed weights"
    network = interpolate([*parts, (primed, 1 - strength)]).build()
    with torch.inference_mode():
        painted: Tensor = network(photo).clamp(0, 1)
    return painted.clone()

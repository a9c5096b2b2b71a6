"""Compare an exported model with PyTorch on odd sizes, before it is kept."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from impasto import styles
from impasto.errors import ExportError
from impasto.imaging import io
from impasto.imaging.geometry import resize

TOLERANCE = 1e-3  # of the full range, for every value: a quarter of one of 255 levels
SIZES = ((1, 37, 53), (2, 64, 95), (1, 240, 321), (1, 96, 96), (3, 5, 9))  # photos, height, width

Paint = Callable[[Tensor], Tensor]


def check(paint: Paint, graph: nn.Module, target: str) -> float:
    """The largest difference from the module it was made of, which computes in float32.

    Raises ExportError where it is more than TOLERANCE, or a picture has another shape.
    """
    worst = 0.0
    for image in trials():
        with torch.inference_mode():
            expected = graph(image)
        found = shaped(paint, image, target)
        difference = float((found - expected).abs().max())
        if not difference <= TOLERANCE:
            count, _, height, width = image.shape
            raise ExportError(
                f"the {target} file does not paint as PyTorch does: {count} photos of {width} x {height} "
                f"pixels differ by {difference:.2g}, where {TOLERANCE:g} is allowed; nothing was written"
            )
        worst = max(worst, difference)
    return worst


def shaped(paint: Paint, image: Tensor, target: str) -> Tensor:
    """The picture of an image. Raises ExportError where it has another shape, or fails."""
    try:
        painted = paint(image)
    except Exception as error:  # whatever a foreign library can fail with
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise ExportError(f"the {target} file does not run ({reason:.200}); nothing was written") from error
    if painted.shape != image.shape:
        raise ExportError(
            f"the {target} file makes {tuple(painted.shape)} of {tuple(image.shape)}; nothing was written"
        )
    return painted


def trials() -> list[Tensor]:
    """The shipped photo in all SIZES, the others of a batch mirrored and turned."""
    photo = io.read(styles.sample())[0][None]
    batches = []
    for count, height, width in SIZES:
        seen = resize(photo, (height, width)).clamp(0, 1)
        batches.append(torch.cat([seen, seen.flip(3), seen.flip(2)][:count]))
    return batches

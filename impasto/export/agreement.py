"""Compare an exported model with PyTorch on odd sizes, before the model is saved."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from impasto import styles
from impasto.errors import ExportError
from impasto.imaging import io
from impasto.imaging.geometry import resize

TOLERANCE = 1e-3  # of the full range, for every value: a quarter of an 8-bit level
SIZES = ((1, 37, 53), (2, 64, 95), (1, 240, 321), (1, 96, 96), (3, 5, 9))  # photos, height, width

Paint = Callable[[Tensor], Tensor]


def check(paint: Paint, graph: nn.Module, target: str) -> float:
    """Return the largest difference of an exported model from its float32 PyTorch module.

    Raises ExportError if the difference exceeds TOLERANCE, or a picture has another shape.
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
                f"the {target} file differs from PyTorch: {count} photos of {width} x {height} pixels "
                f"differ by {difference:.2g}, and {TOLERANCE:g} is allowed; nothing was written"
            )
        worst = max(worst, difference)
    return worst


def shaped(paint: Paint, image: Tensor, target: str) -> Tensor:
    """Run a model on an image. Raises ExportError if it fails, or its picture has another shape."""
    try:
        painted = paint(image)
    except Exception as error:  # runtimes raise various exceptions
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise ExportError(f"the {target} file does not run ({reason:.200}); nothing was written") from error
    if painted.shape != image.shape:
        raise ExportError(
            f"the {target} file turns {tuple(image.shape)} into {tuple(painted.shape)}; nothing was written"
        )
    return painted


def trials() -> list[Tensor]:
    """Make test batches in all SIZES from the shipped photo, mirrored and turned within a batch."""
    photo = io.read(styles.sample())[0][None]
    batches = []
    for count, height, width in SIZES:
        seen = resize(photo, (height, width)).clamp(0, 1)
        batches.append(torch.cat([seen, seen.flip(3), seen.flip(2)][:count]))
    return batches

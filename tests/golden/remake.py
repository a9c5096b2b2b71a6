"""The golden pictures and numbers, made anew: `python -m tests.golden.remake`, after looking at what changed.

Everything follows from photo.png, so that no decoder or resampling counts.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor

from impasto import backbones, losses, styles
from impasto.imaging import io
from impasto.perception import Perception

FOLDER = Path(__file__).parent
STYLES = ("starry-night", "the-scream")
LOSSES = ("moments", "gram", "sliced", "nearest")


def picture(name: str) -> Tensor:
    """(1, 3, 64, 64) float32 in [0, 1]"""
    return io.read(FOLDER / f"{name}.png")[0][None]


def painted(style: str, dtype: torch.dtype = torch.float64) -> Tensor:
    """The golden photo in a shipped style, (1, 3, 64, 64) in [0, 1], by PyTorch in that precision."""
    with torch.inference_mode():
        return styles.load(style).build().to(dtype)(picture("photo").to(dtype)).double().clamp(0, 1)


def numbers() -> dict[str, float]:
    """What is minimized, if the second golden painting is to be the photo in the style of the first."""
    backbone = backbones.load("compact")
    style, result, photo = (picture(name) for name in (*STYLES, "photo"))
    found = {"total variation": float(losses.total_variation(result))}
    with torch.inference_mode():
        for loss in LOSSES:
            perception = Perception(backbone, style_loss=loss)  # type: ignore[arg-type]
            layers = {name for name, _ in (*perception.content_layers, *perception.style_layers)}
            features = perception.features(result, layers)
            found[f"style, {loss}"] = float(perception.style_error(features, perception.style_terms(style)))
            found["content"] = float(perception.content_error(features, perception.content_terms(photo)))
    return found


if __name__ == "__main__":
    for style in STYLES:
        io.write(FOLDER / f"{style}.png", painted(style)[0].float())
    (FOLDER / "numbers.json").write_text(json.dumps(numbers(), indent=2) + "\n")

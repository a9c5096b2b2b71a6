"""The reference judge, called from here: the same numbers as its command line."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from benchmarks import surface
from benchmarks.settings import Pair, Settings

Features = dict[str, Tensor]
Seen = tuple[Tensor, Features]  # a picture, (1, 3, H, W), and what the judge sees in it


class Judge:
    """Scores finished pictures; what it saw of the last pair is kept."""

    def __init__(self, settings: Settings) -> None:
        self._size = settings.size
        self._module = _load(settings.reference / "judge" / "judge.py")
        self._network = self._module.Judge()
        self._pair: Pair | None = None

    @torch.inference_mode()
    def score(self, picture: Path, pair: Pair) -> dict[str, Any]:
        """style, gram, content, layout, ssim, and style by layer, as the judge's own help explains them.

        And grain and modeling, as `benchmarks.surface` does.
        """
        self._look_at(pair)
        shape = (self._photo.shape[3], self._photo.shape[2])
        image = self._module.read(picture, self._size, shape=shape)
        return self._compared(image, self._photo, self._content, self._style)

    @torch.inference_mode()
    def see(self, picture: Path) -> Seen:
        """A photo or a style, kept for `compare`."""
        image: Tensor = self._module.read(picture, self._size)
        return image, self._network.features(image)

    @torch.inference_mode()
    def compare(self, picture: Path, photo: Seen, style: Seen) -> dict[str, Any]:
        """The same scores, where photo and style are at hand already."""
        image = self._module.read(picture, self._size, shape=(photo[0].shape[3], photo[0].shape[2]))
        return self._compared(image, *photo, style[1])

    def _compared(self, image: Tensor, photo: Tensor, content: Features, style: Features) -> dict[str, Any]:
        features = self._network.features(image)
        terms = self._module.style_terms(features, style)
        grams = self._module.gram_terms(features, style)
        return {
            "style": _mean(terms),
            "gram": _mean(grams),
            "content": float(self._module.content_term(features, content)),
            "layout": float(self._module.layout(image, photo)),
            **surface.measure(image, photo),
            "ssim": float(self._module.ssim(image, photo)),
            "layers": {layer: float(value) for layer, value in terms.items()},
        }

    def _look_at(self, pair: Pair) -> None:
        if self._pair != pair:
            self._photo: Tensor = self._module.read(pair.photo, self._size)
            self._content = self._network.features(self._photo)
            self._style = self._network.features(self._module.read(pair.style, self._size))
            self._pair = pair


def _mean(terms: dict[str, Tensor]) -> float:
    return float(sum(terms.values()) / len(terms))


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference_judge", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

"""Published systems by name: each as plain data, the values of the options that define it.

A command turns the values into its own options, and flags given beside a recipe override it. Where a recipe
departs from its source, its entry says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True)
class Recipe:
    """A published system.

    Attributes:
        name: what it is called on the command line.
        description: what it does, in a phrase.
        source: the paper or program that it comes from.
        options: values for the fields of the job's options; the rest keep their defaults.
        animated: the making itself is the result, and is saved as an animation.
    """

    name: str
    description: str
    source: str
    options: Mapping[str, Any]
    animated: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", MappingProxyType(dict(self.options)))


# Plain mean squares, one scale and full precision, as the field had them before ours.
_LITERATURE = {
    "backbone": "vgg19",
    "size": 512,
    "scales": 1,
    "normalise": False,
    "style_loss": "gram",
    "content_weight": 1.0,
    "style_weight": 1e6,
    "tv_weight": 0.0,
    "optimizer": "lbfgs",
    "precision": "float32",
}

_GATYS = _LITERATURE | {
    "content_layers": "conv4_2",
    "style_layers": "conv1_1,conv2_1,conv3_1,conv4_1,conv5_1",
    "iterations": 500,
}

# Its schedule is 100 calls of torch.optim.LBFGS, of at most 20 gradients each; we count gradients. Against
# artefacts it advises a hundredth of the style weight, or a fortieth of the learning rate.
_SHALLOW = _LITERATURE | {
    "content_layers": "conv2_2",
    "style_layers": "conv1_1,conv1_2,conv2_1,conv2_2,conv3_1",
    "tv_weight": 1e-6,
    "iterations": 100 * 20,
}

_GATYS_2015 = 'Gatys, Ecker, Bethge: "A Neural Algorithm of Artistic Style" (2015, arXiv:1508.06576)'

RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        recipe.name: recipe
        for recipe in (
            Recipe("gatys", "the original method, from the photo", _GATYS_2015, _GATYS),
            Recipe(
                "gatys-noise",
                "the same from random noise: style appears first, then content",
                _GATYS_2015,
                _GATYS | {"init": "noise", "iterations": 1000},
                animated=True,
            ),
            Recipe(
                "shallow",
                "VGG-19 no deeper than conv3_1: texture and colour, little abstraction",
                "Gatys et al. 2015 with a VGG-19 cut at conv3_1, as circulated in notebooks",
                _SHALLOW,
            ),
        )
    }
)

"""Recipes: published systems by name, each as the option values that define it.

A command turns the values into its own options; flags override the recipe. An entry notes where the recipe
departs from its source.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from impasto.errors import UsageError

RecipeJob = Literal["paint", "train"]


@dataclass(frozen=True)
class Recipe:
    """A published system.

    Attributes:
        name: name on the command line.
        description: short description.
        source: paper or program that the recipe comes from.
        options: values for fields of the job's options; other fields keep their defaults.
        animated: save the progress of the painting as an animation, which is the result.
        job: command that the recipe is for.
        priming: values for fields of `PrimeOptions`, in addition to those that both stages share, for a
            system that primes its network (identity pretraining) before it learns a style.
    """

    name: str
    description: str
    source: str
    options: Mapping[str, Any]
    animated: bool = False
    job: RecipeJob = "paint"
    priming: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", MappingProxyType(dict(self.options)))
        object.__setattr__(self, "priming", MappingProxyType(dict(self.priming)))


# Plain mean squares, one scale and full precision, as usual in the literature.
_LITERATURE = {
    "backbone": "vgg19",
    "size": 512,
    "scales": 1,
    "init": "photo",
    "normalize": False,
    "style_loss": "gram",
    "content_weight": 1.0,
    "style_weight": 1e6,
    "tv_weight": 0.0,
    "optimizer": "lbfgs",
    "pooling": "max",
    "precision": "float32",
}

_GATYS = _LITERATURE | {
    "content_layers": "conv4_2",
    "style_layers": "conv1_1,conv2_1,conv3_1,conv4_1,conv5_1",
    "iterations": 500,
}

# The source's schedule is 100 calls of torch.optim.LBFGS, of at most 20 gradients each; we count gradients.
# Against artifacts it advises 1/100 of the style weight, or 1/40 of the learning rate.
_SHALLOW = _LITERATURE | {
    "content_layers": "conv2_2",
    "style_layers": "conv1_1,conv1_2,conv2_1,conv2_2,conv3_1",
    "tv_weight": 1e-6,
    "iterations": 100 * 20,
}

# Shared options of the trained systems. Weights are for plain mean squares, with Gram matrices divided by
# C h w, as in pytorch/examples; gradients are not clipped.
_TRAINED = {
    "backbone": "vgg16",
    "content_layers": "relu2_2",
    "style_layers": "relu1_2,relu2_2,relu3_3,relu4_3",
    "normalize": False,
    "style_loss": "gram",
    "content_weight": 1e5,
    "style_weight": 1e10,
    "tv_weight": 0.0,
    "lattice_weight": 0.0,
    "light_weight": 0.0,
    "recolor": False,
    "pooled": 0.0,
    "pooling": "max",
    "size": 256,
    "batch": 4,
    "learning_rate": 1e-3,
    "schedule": "constant",
    "clip": 1e12,
    "precision": "float32",
}

# 40,000 steps of 4 photos: about two epochs over the 82,783 photos of COCO 2014.
_JOHNSON = _TRAINED | {"network": "transformer_net", "steps": 40_000}

# 20,000 photos, 16 per step: 1,250 steps an epoch. The source does not give the number of epochs; we take
# four, after one of priming. A total variation weight of 1e-6 has little effect on a mean, as ours, or a sum.
_ONE_CYCLE = _JOHNSON | {
    "batch": 16,
    "steps": 4 * 20_000 // 16,
    "learning_rate": 2e-4,
    "schedule": "onecycle",
    "weight_decay": 1e-6,
    "tv_weight": 1e-6,
}
_ONE_CYCLE_PRIMING = {
    "loss": "pixels",
    "steps": 20_000 // 16,
    "learning_rate": 1e-3,
    "schedule": "onecycle",
    "weight_decay": 1e-6,
}

# One epoch over COCO 2014. We assume that the ratio 1 : 12 weights the squared norm of a difference of Gram
# matrices over C h w, as in Johnson et al. Ours is a mean over C^2 entries: so each layer has the weight C^2.
_ENCODER_DECODER = _TRAINED | {
    "network": "encoder_decoder",
    "backbone": "vgg19",
    "content_layers": "conv4_2",
    "style_layers": "conv1_1=4096,conv2_1=16384,conv3_1=65536,conv4_1=262144,conv5_1=262144",
    "content_weight": 1.0,
    "style_weight": 12.0,
    "steps": 82_783 // 4,
}

# 60 and then 120 epochs over some 50 photos, 4 per step.
_UNET = _TRAINED | {"network": "unet", "content_layers": "relu4_3", "steps": 120 * 50 // 4}
_UNET_PRIMING = {
    "loss": "pixels",
    "steps": 60 * 50 // 4,
    "learning_rate": 1e-3,
    "schedule": "constant",
}

_JOHNSON_2016 = (
    'Johnson, Alahi, Fei-Fei: "Perceptual Losses for Real-Time Style Transfer and Super-Resolution" '
    "(ECCV 2016, arXiv:1603.08155), as in pytorch/examples fast_neural_style"
)
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
                "VGG-19 no deeper than conv3_1: texture and color, little abstraction",
                "Gatys et al. 2015 with a VGG-19 cut at conv3_1, as circulated in notebooks",
                _SHALLOW,
            ),
            Recipe("johnson", "the residual network of Johnson et al.", _JOHNSON_2016, _JOHNSON, job="train"),
            Recipe(
                "johnson-onecycle",
                "the same, primed first, then trained in one cycle",
                "Johnson et al. 2016 with the one-cycle schedule of Smith and Topin (2018), as circulated in "
                "notebooks",
                _ONE_CYCLE,
                job="train",
                priming=_ONE_CYCLE_PRIMING,
            ),
            Recipe(
                "encoder-decoder",
                "max pooling down, transposed convolutions up, VGG-19 watching",
                "Johnson et al. 2016 with a plain encoder and decoder, as circulated in notebooks",
                _ENCODER_DECODER,
                job="train",
            ),
            Recipe(
                "unet",
                "a U-Net without its longest skip, primed and trained on some 50 photos",
                "Ronneberger et al. 2015 as a style network, as circulated in notebooks",
                _UNET,
                job="train",
                priming=_UNET_PRIMING,
            ),
            Recipe("light", "ours, the default", "impasto", {"network": "light"}, job="train"),
        )
    }
)


def names(job: RecipeJob) -> tuple[str, ...]:
    """Names of the recipes for a job."""
    return tuple(name for name, recipe in RECIPES.items() if recipe.job == job)


def find(name: str, job: RecipeJob) -> Recipe:
    """Find a recipe by name. Raises UsageError, which lists the names, if this job has no such recipe."""
    choices = f"choose among {', '.join(names(job))}"
    if name not in RECIPES:
        raise UsageError(f"there is no recipe {name}: {choices}")
    recipe = RECIPES[name]
    if recipe.job != job:
        raise UsageError(f"the recipe {name} is for impasto {recipe.job}; for impasto {job} {choices}")
    return recipe

"""Recipes are data that the jobs' options accept."""

from dataclasses import fields

import pytest

from impasto.painting.options import PaintOptions
from impasto.recipes import RECIPES

CONVOLUTIONS = [f"conv{n}_{i + 1}" for n, depth in enumerate((2, 2, 4, 4, 4), 1) for i in range(depth)]


@pytest.mark.parametrize("name", RECIPES)
def test_options_are_valid_and_the_literatures(name: str) -> None:
    recipe = RECIPES[name]
    assert recipe.name == name
    assert recipe.options.keys() <= {field.name for field in fields(PaintOptions)}
    options = PaintOptions(**recipe.options)
    assert (options.backbone, options.optimizer, options.normalise) == ("vgg19", "lbfgs", False)
    assert (options.size, options.scales, options.weights[:2]) == (512, 1, (1.0, 1e6))
    layers = [layer for layer, _ in (*(options.content_layers or ()), *(options.style_layers or ()))]
    assert set(layers) <= set(CONVOLUTIONS)


def test_what_tells_them_apart() -> None:
    gatys, noise, shallow = (PaintOptions(**RECIPES[n].options) for n in ("gatys", "gatys-noise", "shallow"))
    assert (gatys.init, noise.init, shallow.init) == ("photo", "noise", "photo")
    assert [recipe.name for recipe in RECIPES.values() if recipe.animated] == ["gatys-noise"]
    assert gatys.content_layers == noise.content_layers == (("conv4_2", 1.0),)
    assert [layer for layer, _ in gatys.style_layers or ()] == [f"conv{block}_1" for block in range(1, 6)]
    assert shallow.iterations == 2000
    assert shallow.weights == (1.0, 1e6, 1e-6)


def test_shallow_needs_nothing_below_conv3_1() -> None:
    options = PaintOptions(**RECIPES["shallow"].options)
    used = {layer for layer, _ in (*(options.content_layers or ()), *(options.style_layers or ()))}
    assert max(CONVOLUTIONS.index(layer) for layer in used) == CONVOLUTIONS.index("conv3_1")


def test_recipes_cannot_be_changed_in_place() -> None:
    with pytest.raises(TypeError):
        RECIPES["gatys"].options["size"] = 1  # type: ignore[index]

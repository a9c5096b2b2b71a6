"""Recipes are data that the jobs' options accept."""

from dataclasses import fields

import pytest

from impasto import networks
from impasto.errors import UsageError
from impasto.painting.options import PaintOptions
from impasto.recipes import RECIPES, find, names
from impasto.training.options import PrimeOptions, TrainOptions

DEPTHS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
CONVOLUTIONS = {
    name: [f"conv{n}_{i + 1}" for n, depth in enumerate(depths, 1) for i in range(depth)]
    for name, depths in DEPTHS.items()
}
LITERATURE = [name for name in names("train") if name != "light"]


@pytest.mark.parametrize("name", names("paint"))
def test_painting_options_are_valid_and_the_literatures(name: str) -> None:
    recipe = RECIPES[name]
    assert recipe.name == name
    assert recipe.options.keys() <= {field.name for field in fields(PaintOptions)}
    options = PaintOptions(**recipe.options)
    assert (options.backbone, options.optimizer, options.normalize) == ("vgg19", "lbfgs", False)
    assert (options.size, options.scales, options.weights[:2]) == (512, 1, (1.0, 1e6))
    layers = [layer for layer, _ in (*(options.content_layers or ()), *(options.style_layers or ()))]
    assert set(layers) <= set(CONVOLUTIONS["vgg19"])


def test_what_tells_paintings_apart() -> None:
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
    deepest = max(CONVOLUTIONS["vgg19"].index(layer) for layer in used)
    assert CONVOLUTIONS["vgg19"][deepest] == "conv3_1"


@pytest.mark.parametrize("name", LITERATURE)
def test_training_options_are_valid_and_the_literatures(name: str) -> None:
    recipe = RECIPES[name]
    assert recipe.options.keys() <= {field.name for field in fields(TrainOptions)}
    options = TrainOptions(**recipe.options)
    assert options.network in networks.NAMES
    assert (options.normalize, options.style_loss, options.precision) == (False, "gram", "float32")
    assert (options.size, options.clip) == (256, 1e12)
    layers = [layer for layer, _ in (*(options.content_layers or ()), *(options.style_layers or ()))]
    assert {layer.replace("relu", "conv") for layer in layers} <= set(CONVOLUTIONS[options.backbone])


@pytest.mark.parametrize("name", [name for name in names("train") if RECIPES[name].priming])
def test_priming_is_valid_and_has_a_length(name: str) -> None:
    recipe = RECIPES[name]
    assert recipe.priming.keys() <= {field.name for field in fields(PrimeOptions)}
    assert PrimeOptions(**recipe.priming).loss == "pixels"
    assert {"steps"} <= recipe.priming.keys() & recipe.options.keys()  # priming is shortened by their ratio


def test_johnson_is_what_pytorch_examples_trains() -> None:
    options = TrainOptions(**RECIPES["johnson"].options)
    assert (options.network, options.backbone) == ("transformer_net", "vgg16")
    assert options.content_layers == (("relu2_2", 1.0),)
    assert [layer for layer, _ in options.style_layers or ()] == ["relu1_2", "relu2_2", "relu3_3", "relu4_3"]
    assert (options.content_weight, options.style_weight, options.tv_weight) == (1e5, 1e10, 0.0)
    assert (options.batch, options.learning_rate, options.schedule) == (4, 1e-3, "constant")


def test_one_cycle() -> None:
    options = TrainOptions(**RECIPES["johnson-onecycle"].options)
    assert (options.schedule, options.learning_rate, options.weight_decay) == ("onecycle", 2e-4, 1e-6)
    assert (options.tv_weight, options.batch, options.steps) == (1e-6, 16, 5000)
    assert PrimeOptions(**RECIPES["johnson-onecycle"].priming).steps == 1250


def test_encoder_decoder_weighs_gram_matrices_as_johnson_writes_them() -> None:
    """A mean over C^2 entries, times C^2, is a square norm."""
    options = TrainOptions(**RECIPES["encoder-decoder"].options)
    widths = {"conv1_1": 64, "conv2_1": 128, "conv3_1": 256, "conv4_1": 512, "conv5_1": 512}
    assert dict(options.style_layers or ()) == {layer: float(c**2) for layer, c in widths.items()}
    assert (options.content_weight, options.style_weight, options.batch) == (1.0, 12.0, 4)


def test_unet_is_primed_for_half_as_long() -> None:
    recipe = RECIPES["unet"]
    assert (recipe.options["network"], recipe.options["content_layers"]) == ("unet", "relu4_3")
    assert recipe.options["steps"] == 2 * recipe.priming["steps"]


def test_each_job_has_its_own() -> None:
    assert names("paint") == ("gatys", "gatys-noise", "shallow")
    assert names("train") == ("johnson", "johnson-onecycle", "encoder-decoder", "unet", "light")
    assert find("unet", "train") is RECIPES["unet"]
    with pytest.raises(UsageError, match=r"no recipe vermeer: choose among gatys, gatys-noise, shallow$"):
        find("vermeer", "paint")
    with pytest.raises(
        UsageError, match=r"unet is for impasto train; for impasto paint choose among gatys, "
    ):
        find("unet", "paint")


def test_recipes_cannot_be_changed_in_place() -> None:
    for values in (RECIPES["gatys"].options, RECIPES["unet"].priming):
        with pytest.raises(TypeError):
            values["size"] = 1  # type: ignore[index]

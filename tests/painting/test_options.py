"""Options: a value that cannot mean anything is refused, and says what could."""

from dataclasses import FrozenInstanceError
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from impasto.errors import UsageError
from impasto.options import parse_layers
from impasto.painting.options import PaintOptions


@pytest.mark.parametrize(
    ("value", "layers"),
    [
        (None, None),
        ("relu1_1", (("relu1_1", 1.0),)),
        ("relu1_1=0.5,relu2_1", (("relu1_1", 0.5), ("relu2_1", 1.0))),
        (" relu1_1 = 2 , relu2_1=0 ,", (("relu1_1", 2.0), ("relu2_1", 0.0))),
        (["relu3_1", "relu1_1=1e-3"], (("relu3_1", 1.0), ("relu1_1", 1e-3))),
        ((("conv4_2", 3),), (("conv4_2", 3.0),)),
    ],
)
def test_layers_are_read(value: Any, layers: Any) -> None:
    assert parse_layers(value) == layers
    assert PaintOptions(style_layers=value, content_layers=value).style_layers == layers


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "a list of layers is empty"),
        (" , ", "a list of layers is empty"),
        ((), "a list of layers is empty"),
        ("relu1_1=much", "weight of layer relu1_1 must be a number from 0 up, not much"),
        ("relu1_1=-1", "weight of layer relu1_1 must be a number from 0 up, not -1"),
        ("relu1_1=nan", "must be a number from 0 up, not nan"),
        ([("relu1_1", float("inf"))], "must be a number from 0 up, not inf"),
        ([("relu1_1", 10**400)], "must be a number from 0 up, not 1000"),
        ("relu1_1,relu2_1,relu1_1=2", "a layer is named twice in relu1_1, relu2_1, relu1_1"),
        ("relu1_1=0,relu2_1=0", "the weights of relu1_1, relu2_1 are all 0"),
    ],
)
def test_layers_that_mean_nothing(value: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_layers(value)
    with pytest.raises(UsageError, match=message):
        PaintOptions(content_layers=value)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("strength", 1.01, "strength must be from 0 to 1, not 1.01"),
        ("strength", float("nan"), "strength must be from 0 to 1, not nan"),
        ("strength", None, "strength must be from 0 to 1, not None"),
        ("strength", "high", "strength must be from 0 to 1, not high"),
        ("strength", 10**400, "strength must be from 0 to 1, not 1000"),
        ("style_weight", 10**400, "style_weight must be a number from 0 up, not 1000"),
        ("iterations", 0, "iterations must be a whole number from 1 to 1000000, not 0"),
        ("iterations", 2.5, "iterations must be a whole number from 1 to 1000000, not 2.5"),
        ("size", 15, "size must be a whole number from 16 to 100000, not 15"),
        ("size", 99.5, "size must be a whole number from 16 to 100000, not 99.5"),
        ("seed", -1, "seed must be a whole number from 0 to 9223372036854775807, not -1"),
        ("scales", 0, "scales must be a whole number from 1 to 100000, not 0"),
        ("scales", (128, "big"), "scales must be a whole number from 1 to 100000, not big"),
        ("stroke_size", 0, "stroke_size must be from 0.05 to 20, not 0"),
        (
            "keep_color",
            "all",
            "keep_color must be one of none, luminance, histogram, lab-transfer, not all",
        ),
        ("keep_color_amount", 1.5, "keep_color_amount must be from 0 to 1, not 1.5"),
        ("detail", -0.1, "detail must be from 0 to 1, not -0.1"),
        ("content_weight", -1, "content_weight must be a number from 0 up, not -1"),
        ("style_weight", float("inf"), "style_weight must be a number from 0 up, not inf"),
        ("tv_weight", float("nan"), "tv_weight must be a number from 0 up, not nan"),
        ("learning_rate", 0, "learning_rate must be positive, not 0"),
        ("learning_rate", float("inf"), "learning_rate must be positive, not inf"),
        ("style_loss", "grams", "style_loss must be one of moments, gram, sliced, nearest, not grams"),
        ("optimizer", "sgd", "optimizer must be one of lbfgs, adam, not sgd"),
        ("effort", "slow", "effort must be one of quick, good, best, not slow"),
        ("style_crop", "frame", "style_crop must be auto, off, or left, top, width and height, not frame"),
        ("style_crop", (1, 2, 3), r"left, top, width and height, not \(1, 2, 3\)"),
        ("style_crop", (1, 2, 0, 3), "style_crop must be a whole number from 1 to 1000000, not 0"),
        ("pooling", "median", "pooling must be one of max, average, l2, not median"),
        ("tile", "on", "tile must be auto, off or a number of pixels, not on"),
        ("tile", 63, "tile must be a whole number from 64 to 100000, not 63"),
        ("tile", 512.5, "tile must be a whole number from 64 to 100000, not 512.5"),
        ("tile", None, "tile must be a whole number from 64 to 100000, not None"),
        ("device", "gpu", "device must be one of auto, cpu, cuda, mps, xpu, not gpu"),
        ("precision", "float16", "precision must be one of auto, float32, bfloat16, not float16"),
    ],
)
def test_values_that_mean_nothing(option: str, value: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        PaintOptions(**{option: value})


@pytest.mark.parametrize("style_loss", ["sliced", "nearest"])
def test_losses_of_the_whole_picture_have_no_tiles(style_loss: Any) -> None:
    for tile in ("auto", "off"):
        PaintOptions(style_loss=style_loss, tile=tile)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=f"{style_loss} needs the whole .* choose moments or gram"):
        PaintOptions(style_loss=style_loss, tile=512)


def test_limits_themselves_and_numpy_numbers_are_fine() -> None:
    PaintOptions(strength=0, iterations=1, size=16, stroke_size=0.05, content_weight=0, seed=2**63 - 1)
    options = PaintOptions(strength=1, size=np.int64(64), style_weight=np.float32(2), tv_weight=0)  # type: ignore[arg-type]
    assert options.weights == (0, 2, 0)
    assert PaintOptions(size=None).size is None


def test_scales_are_kept_as_a_tuple() -> None:
    options = PaintOptions(scales=[128, 512])  # type: ignore[arg-type]
    assert options.scales == (128, 512)
    assert PaintOptions(scales=3).scales == 3
    assert hash(options) == hash(PaintOptions(scales=(128, 512)))


def test_options_do_not_change() -> None:
    options = PaintOptions()
    with pytest.raises(FrozenInstanceError):
        options.strength = 0.7  # type: ignore[misc]


def test_strength_moves_weight_from_content_to_style() -> None:
    """Content counts nothing at 1, style nothing at 0, and their ratio falls all the way."""
    content, style, tv = zip(*(PaintOptions(strength=s / 10).weights for s in range(11)), strict=True)
    assert (style[0], tv[0], content[10]) == (0, 0, 0)
    assert all(a > b for a, b in pairwise(content))
    assert all(a < b for a, b in pairwise(style))
    assert all(a <= b for a, b in pairwise(tv))


def test_raw_weights_take_the_place_of_strength() -> None:
    usual = PaintOptions(strength=0.3).weights
    for place, name in enumerate(("content_weight", "style_weight", "tv_weight")):
        weights = PaintOptions(strength=0.3, **{name: 7.0}).weights
        assert weights[place] == 7.0
        assert [w for i, w in enumerate(weights) if i != place] == [
            w for i, w in enumerate(usual) if i != place
        ]


def test_weights_of_the_literature() -> None:
    assert PaintOptions(normalize=False, strength=0.9).weights == (1.0, 1e6, 0.0)
    assert PaintOptions(normalize=False, style_weight=1e4, tv_weight=2).weights == (1.0, 1e4, 2)


@pytest.mark.parametrize(
    ("options", "length"),
    [
        (PaintOptions(), 1.0),
        (PaintOptions(optimizer="adam"), 0.02),
        (PaintOptions(learning_rate=0.025), 0.025),
        (PaintOptions(optimizer="adam", learning_rate=3.0), 3.0),
    ],
)
def test_step_length(options: PaintOptions, length: float) -> None:
    assert options.step_length == length

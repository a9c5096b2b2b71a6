"""What a training can be asked for, and what it refuses."""

import math
from dataclasses import FrozenInstanceError

import pytest

from impasto.errors import UsageError
from impasto.training.options import LoopOptions, PrimeOptions, TrainOptions


@pytest.mark.parametrize("options", [LoopOptions, TrainOptions, PrimeOptions])
def test_defaults_are_valid_and_frozen(options: type[LoopOptions]) -> None:
    made = options()
    with pytest.raises(FrozenInstanceError):
        made.size = 64  # type: ignore[misc]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"size": 31}, "size must be a whole number from 32 to 4096, not 31"),
        ({"size": 256.0}, "size must be a whole number"),
        ({"batch": 0}, "batch must be a whole number from 1"),
        ({"steps": 0}, "steps must be a whole number from 1"),
        ({"workers": -1}, "workers must be a whole number from 0"),
        ({"seed": -1}, "seed must be a whole number from 0"),
        ({"minutes": 0}, "minutes must be positive, not 0"),
        ({"minutes": math.nan}, "minutes must be positive, not nan"),
        ({"learning_rate": -1e-3}, "learning_rate must be positive"),
        ({"clip": math.inf}, "clip must be positive, not inf"),
        ({"weight_decay": -1}, "weight_decay must be from 0 to 10"),
        ({"schedule": "step"}, "schedule must be one of onecycle, cosine, constant, not step"),
        ({"device": "abacus"}, "device must be one of auto"),
        ({"precision": "int8"}, "precision must be one of auto"),
    ],
)
@pytest.mark.parametrize("options", [TrainOptions, PrimeOptions])
def test_nonsense_is_refused(options: type[LoopOptions], given: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        options(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"style_weight": -1}, "style_weight must be a number from 0 up"),
        ({"content_weight": math.inf}, "content_weight must be a number from 0 up"),
        ({"tv_weight": math.nan}, "tv_weight"),
        ({"style_size": 8}, "style_size must be a whole number from 32"),
        ({"style_loss": "l1"}, "style_loss must be one of moments, gram, sliced, nearest"),
        ({"pooling": "none"}, "pooling must be one of max, average"),
        ({"style_layers": ""}, "a list of layers is empty"),
    ],
)
def test_nonsense_about_a_style_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        TrainOptions(**given)  # type: ignore[arg-type]


def test_unknown_priming_loss() -> None:
    with pytest.raises(UsageError, match="loss must be one of pixels, content"):
        PrimeOptions(loss="huber")  # type: ignore[arg-type]


def test_layers_are_read() -> None:
    options = TrainOptions(style_layers="relu1_1=0.5,relu2_1")  # type: ignore[arg-type]
    assert options.style_layers == (("relu1_1", 0.5), ("relu2_1", 1.0))

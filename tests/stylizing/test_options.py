"""What can be asked of a network beside style and strength."""

import math

import pytest

from impasto.errors import UsageError
from impasto.stylizing.options import StyleControls


def test_by_default_there_is_nothing_to_record():
    assert StyleControls().record() == {}
    assert not StyleControls().is_statistical


def test_the_record_has_what_was_asked_for():
    controls = StyleControls(keep_color="histogram", detail=0.5)
    assert controls.record() == {"keep_color": "histogram", "detail": 0.5}
    assert controls.is_statistical
    assert not StyleControls(keep_color="histogram", keep_color_amount=0).is_statistical
    assert not StyleControls(keep_color="luminance").is_statistical
    assert StyleControls(keep_light=0.5).record() == {"keep_light": 0.5}
    assert StyleControls(keep_light=0.5).is_statistical
    assert not StyleControls(keep_light=0).is_statistical


def test_light_is_kept_by_default_where_networks_are_predicted():
    assert StyleControls(detail=1).for_networks(predicted=True) == StyleControls(detail=1, keep_light=0.75)
    assert StyleControls().for_networks(predicted=False) == StyleControls()
    for asked in (StyleControls(keep_light=0), StyleControls(keep_light=1)):
        assert asked.for_networks(predicted=True) == asked


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("keep_color", "sepia", "keep_color must be one of none, luminance, histogram, lab-transfer"),
        ("keep_color_amount", 1.01, "keep_color_amount must be from 0 to 1, not 1.01"),
        ("keep_color_amount", -0.01, "from 0 to 1"),
        ("keep_light", 1.1, "keep_light must be from 0 to 1, not 1.1"),
        ("keep_light", math.nan, "keep_light must be from 0 to 1"),
        ("detail", 2, "detail must be from 0 to 1, not 2"),
        ("detail", math.nan, "detail must be from 0 to 1"),
        ("stroke_size", 0.24, "stroke_size must be from 0.25 to 4, not 0.24"),
        ("stroke_size", 4.1, "from 0.25 to 4"),
        ("stroke_size", "large", "from 0.25 to 4"),
    ],
)
def test_values_that_cannot_mean_anything(name, value, words):
    with pytest.raises(UsageError, match=words):
        StyleControls(**{name: value})

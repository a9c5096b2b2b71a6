"""Earlier names of options, which callers and files may still use."""

import pytest

from impasto.options import RENAMED, with_current_names
from impasto.painting.options import PaintOptions
from impasto.stylizing.options import StyleControls
from impasto.training.options import TrainOptions


def test_earlier_names_are_taken_with_a_warning():
    with pytest.warns(DeprecationWarning, match="keep_colour is now called keep_color"):
        assert PaintOptions(keep_colour="luminance") == PaintOptions(keep_color="luminance")  # type: ignore[call-arg]
    with pytest.warns(DeprecationWarning, match="keep_colour_amount"):
        assert StyleControls(keep_colour_amount=0.5).keep_color_amount == 0.5  # type: ignore[call-arg]
    with pytest.warns(DeprecationWarning, match="normalise"):
        assert not TrainOptions(normalise=False).normalize  # type: ignore[call-arg]


def test_other_names_are_still_refused():
    with pytest.raises(TypeError, match="colour"):
        PaintOptions(colour=1)  # type: ignore[call-arg]


def test_no_earlier_name_is_one_of_today():
    for options in (PaintOptions, StyleControls, TrainOptions):
        assert not RENAMED.keys() & options.__dataclass_fields__.keys()


def test_names_in_files():
    assert with_current_names({"normalise": 1, "size": 2}) == {"normalize": 1, "size": 2}

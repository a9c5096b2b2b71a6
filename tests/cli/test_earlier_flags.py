"""Flags by the names that they once had."""

import pytest

from impasto.cli.earlier_flags import with_current_flags


def test_earlier_flags_go_on_working(paint):
    result = paint("-o", "a.png", "--keep-colour", "luminance", "--keep-colour-amount=0.5")
    assert result.exit_code == 0, result.stderr
    assert "note: --keep-colour is now called --keep-color\n" in result.stderr
    assert "note: --keep-colour-amount is now called --keep-color-amount\n" in result.stderr


def test_the_licence_is_now_a_license():
    assert list(with_current_flags(["--licence", "CC0"])) == ["--license", "CC0"]
    assert list(with_current_flags(["--licence=CC0"])) == ["--license=CC0"]


def test_help_shows_the_names_of_today(impasto):
    everything = impasto("paint", "--help-all").stdout
    assert "--keep-color" in everything
    assert "colour" not in everything


@pytest.mark.parametrize(
    "words", [["photo.jpg", "--size", "9"], ["--no-normalize"], ["a--keep-colour"], ["-"]]
)
def test_all_else_stays(words):
    assert list(with_current_flags(words)) == words

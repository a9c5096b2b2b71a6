"""`impasto texture`, end to end on small pictures."""

import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from impasto.cli.texture import FLAGS, parse_size
from impasto.errors import UsageError
from impasto.imaging import io
from impasto.painting.options import TextureOptions

OUT = "out.png"


@pytest.fixture
def texture(impasto, workshop, compact_file):
    """Run `impasto texture wave.jpg`, small and short; later flags override."""

    def run(*arguments, styles=("wave.jpg",), **rest):
        short = ("--size", "48x32", "--iterations", 4, "--backbone", compact_file)
        return impasto("texture", *styles, *short, *arguments, **rest)

    return run


def error_of(result, code):
    """The one line that a failing command prints."""
    assert result.exit_code == code, (result.stderr, result.exception)
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("error: ")
    return line


def test_makes_a_texture(texture, workshop):
    result = texture("-o", OUT)
    assert result.exit_code == 0, result.stderr
    assert result.stderr.splitlines()[-1].startswith("out.png: 48 x 32 pixels, painted in ")
    with Image.open(OUT) as picture:
        assert (picture.size, picture.mode) == ((48, 32), "RGB")
    record = json.loads(io.read_record(OUT))
    assert (record["options"]["strength"], record["options"]["init"]) == (1.0, "noise")
    assert sorted(path.name for path in workshop.iterdir()) == [OUT, "photo.jpg", "wave.jpg"]


def test_long_side_in_the_styles_shape(texture):
    for style, size in (("wave.jpg", (60, 60)), ("photo.jpg", (60, 40))):
        assert texture("-o", OUT, "--size", 60, styles=(style,)).exit_code == 0
        with Image.open(OUT) as picture:
            assert picture.size == size


def test_seed_and_mixtures(texture):
    runs = {"a.png": (1, ()), "b.png": (1, ()), "c.png": (2, ()), "d.png": (1, ("swirling-night:2",))}
    for name, (seed, more) in runs.items():
        assert texture("-o", name, "--seed", seed, styles=("wave.jpg", *more)).exit_code == 0
    made = {name: np.asarray(Image.open(name)) for name in runs}
    assert (made["a.png"] == made["b.png"]).all()
    assert (made["a.png"] != made["c.png"]).any()
    assert (made["a.png"] != made["d.png"]).any()
    assert json.loads(io.read_record("d.png"))["styles"] == pytest.approx([1 / 3, 2 / 3], abs=1e-3)


def test_making_of(texture):
    assert texture("-o", OUT, "--animate", "making.gif").exit_code == 0
    with Image.open("making.gif") as picture:
        assert picture.n_frames in (3, 4)  # a step that changes no color of a GIF is no frame


def test_dry_run(texture, workshop):
    result = texture("--dry-run")
    assert result.exit_code == 0, result.stderr
    assert "time    about " in result.stdout
    assert sorted(path.name for path in workshop.iterdir()) == ["photo.jpg", "wave.jpg"]


def test_every_option_has_a_flag():
    assert FLAGS.keys() == {field.name for field in fields(TextureOptions)}


def test_help_fits_a_screen(impasto):
    lines = impasto("texture", "--help", columns=80).stdout.rstrip().splitlines()
    assert 15 < len(lines) <= 30
    assert max(map(len, lines)) <= 80
    everything = impasto("texture", "--help-all").stdout
    assert all(f"--{name.replace('_', '-')}" in everything for name in FLAGS)


@pytest.mark.parametrize(("text", "size"), [("640", 640), ("1024x768", (768, 1024)), ("30X40", (40, 30))])
def test_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "x", "10x", "big", "1x2x3", "-5", "10.5"])
def test_sizes_that_are_none(text):
    with pytest.raises(UsageError, match="--size must be a number of pixels, or"):
        parse_size(text)


@pytest.mark.parametrize(
    ("styles", "arguments", "code", "fragment"),
    [
        (("none.jpg",), (), 1, "none.jpg does not exist"),
        (("wave.jpg:0",), (), 2, "sum must be positive"),
        (("small.png",), (), 1, "small.png has 20 x 20 pixels; a style needs at least 32"),
        (("plain.png",), (), 1, "plain.png is of one color"),
        (("wave.jpg",), ("--size", "8"), 2, "size must be a whole number from 16"),
        (("wave.jpg",), ("--size", "wide"), 2, "--size must be a number of pixels, or a width and a height"),
        (("wave.jpg",), ("-o", "wave.jpg"), 2, "wave.jpg is the same file as an input"),
        (("wave.jpg",), ("-o", "out.gif"), 2, "out.gif"),
        (("wave.jpg",), ("--style-layers", "relu9_1"), 2, "no layer relu9_1"),
    ],
)
def test_bad_input_gets_one_line(texture, workshop, styles, arguments, code, fragment):
    Image.open("photo.jpg").resize((20, 20)).save("small.png")
    Image.new("RGB", (40, 40), "red").save("plain.png")
    assert fragment in error_of(texture("-o", OUT, *arguments, styles=styles), code)
    assert not Path(OUT).exists()


def test_nowhere_to_write(texture):
    assert "-o texture.png" in error_of(texture(), 2)

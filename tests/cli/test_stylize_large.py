"""`impasto stylize --tile` and `--dry-run`."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from impasto import networks
from impasto.networks.card import Card, save_card


@pytest.fixture
def stylize(impasto, workshop):
    network = networks.build("light", channels=(8, 8), blocks=(0, 1, 0), last_channels=8)
    card = Card("light", network.config, network.state_dict())
    save_card(replace(card, style="night"), workshop / "night.safetensors")

    def run(*arguments):
        return impasto("stylize", *arguments, "--style", "night.safetensors", "--precision", "float32")

    return run


def test_tiles_make_the_same_picture(stylize):
    for name, flags in (("whole.png", ["--tile", "off"]), ("tiled.png", ["--tile", "64"])):
        result = stylize("photo.jpg", "-o", name, *flags)
        assert result.exit_code == 0, result.stderr
        assert result.stderr.startswith(f"{name}: 96 x 64 pixels, stylized in ")
    pictures = [np.asarray(Image.open(name), np.int16) for name in ("whole.png", "tiled.png")]
    assert np.abs(pictures[0] - pictures[1]).max() <= 1


def test_dry_run_tells_and_writes_nothing(stylize):
    before = sorted(Path().rglob("*"))
    result = stylize("photo.jpg", "wave.jpg", "-o", "out", "--dry-run", "--size", "3000")
    assert result.exit_code == 0, result.stderr
    rows = dict(line.split(maxsplit=1) for line in result.stdout.splitlines() if line.strip())
    assert {name: rows[name].strip() for name in ("pictures", "style", "strength", "precision", "tile")} == {
        "pictures": "2", "style": "night", "strength": "1", "precision": "float32", "tile": "off",
    }  # fmt: skip
    assert rows["size"].strip() == "up to 3000 x 2000"
    assert float(rows["memory"].split()[1]) > 0.3
    assert sorted(Path().rglob("*")) == before


def test_dry_run_names_the_tile(stylize):
    result = stylize("photo.jpg", "-o", "out.png", "--dry-run", "--tile", "70")
    assert "96 x 64" in result.stdout
    assert "72 x 72" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["photo.jpg", "--tile", "huge"], 2, "--tile must be auto, off or a number of pixels, not huge"),
        (["photo.jpg", "--tile", "8"], 2, "tile must be a whole number from 64 to 100000, not 8"),
        (["none.jpg", "--dry-run"], 1, "none.jpg does not exist"),
        (["torn.jpg", "--dry-run"], 1, "torn.jpg"),
    ],
)
def test_bad_input_gets_one_line(stylize, arguments, code, words):
    Path("torn.jpg").write_bytes(b"no picture")
    result = stylize(*arguments, "-o", "out.png")
    assert result.exit_code == code
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("error: ")
    assert words in line
    assert not Path("out.png").exists()


def test_what_would_not_fit_whole_is_refused_before_it_is_enlarged(stylize):
    result = stylize("photo.jpg", "-o", "out.png", "--tile", "off", "--size", "99999")
    assert result.exit_code == 1
    assert "needs about" in result.stderr
    assert not Path("out.png").exists()

"""`impasto styles`: a table, JSON and contact sheets."""

import base64
import json
import re
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from impasto import networks
from impasto.cli.styles import half_blocks
from impasto.networks.card import Card, save_card


@pytest.fixture
def shelf(tmp_path, monkeypatch) -> Path:
    """Two shipped styles; one tells little of itself."""
    folder = tmp_path / "shelf"
    network = networks.build("light", channels=(8, 8), blocks=(0, 1, 0), last_channels=8)
    card = Card("light", network.config, network.state_dict(), style="wave")
    night = replace(
        card,
        style="night",
        title="The <Starry> Night",
        artist="Vincent van Gogh",
        year="1889",
        licence="public domain",
        origin="https://example.org/night?a=1&b=2",
        scores={"style": 0.04},
    )
    for one in (card, night):
        save_card(one, folder / f"{one.style}.safetensors")
    monkeypatch.setattr("impasto.styles._CARDS", folder)
    return folder


@pytest.fixture
def listing(impasto, workshop, shelf):
    def run(*arguments, **rest):
        result = impasto("styles", *arguments, **rest)
        assert result.exit_code == 0, (result.stderr, result.exception)
        return result

    return run


def test_a_table(listing):
    lines = listing().stdout.splitlines()
    assert lines[0].split() == ["name", "work", "artist", "year", "licence"]
    assert re.split(r"\s{2,}", lines[1].strip()) == [
        "night",
        "The <Starry> Night",
        "Vincent van Gogh",
        "1889",
        "public domain",
    ]
    assert lines[2].split() == ["wave"]


def test_thumbnails_in_a_terminal_with_colors(listing):
    text = listing(FORCE_COLOR="1", COLORTERM="truecolor").stdout
    assert text.count("▀") >= 2 * 24 * 8
    assert "\x1b[38;2;" in text
    assert "▀" not in listing(FORCE_COLOR="1", COLORTERM="", TERM="xterm").stdout


def test_half_blocks_are_two_pixels_each():
    picture = Image.new("RGB", (2, 2), (255, 0, 0))
    picture.paste((0, 0, 255), (0, 1, 2, 2))
    text = half_blocks(picture, 2)
    assert text.plain == "▀▀"
    style = text.get_style_at_offset(Console(), 0)
    assert (style.color.triplet, style.bgcolor.triplet) == ((255, 0, 0), (0, 0, 255))


def test_json(listing, shelf):
    night, wave = json.loads(listing("--json").stdout)
    assert (night["name"], night["artist"], night["scores"]) == ("night", "Vincent van Gogh", {"style": 0.04})
    assert (wave["name"], wave["file"]) == ("wave", str(shelf / "wave.safetensors"))
    assert "tensors" not in wave


def test_cards_of_ones_own(listing, shelf):
    (shelf / "wave.safetensors").rename("mine.safetensors")
    (found,) = json.loads(listing("mine.safetensors", "--json").stdout)
    assert (found["name"], found["file"]) == ("wave", "mine.safetensors")


def test_a_page_that_needs_nothing_else(listing):
    Path("out").mkdir()
    listing("--sheet", "out/sheet.html", "--photo", "photo.jpg", "--photo", "wave.jpg")
    page = Path("out/sheet.html").read_text(encoding="utf-8")
    images = re.findall(r'<img src="data:image/jpeg;base64,([^"]+)" alt="([^"]+)"', page)
    assert [alt for _, alt in images] == [
        "photo", "wave", "photo in the style of night", "wave in the style of night",
        "photo in the style of wave", "wave in the style of wave",
    ]  # fmt: skip
    for data, _ in images:
        Image.open(BytesIO(base64.b64decode(data))).load()
    assert "color-scheme: light dark" in page
    assert "The &lt;Starry&gt; Night, Vincent van Gogh, 1889, public domain" in page
    assert 'href="https://example.org/night?a=1&amp;b=2"' in page
    assert re.findall(r'(?:src|href)="(?!data:|https://example)', page) == []
    assert [path.name for path in Path("out").iterdir()] == ["sheet.html"]


def test_a_picture(listing):
    assert "sheet.png: 2 styles on 1 photo" in listing("--sheet", "sheet.png").stderr
    with Image.open("sheet.png") as sheet:
        assert sheet.width >= 640
        assert sheet.height > 3 * 240
        assert len(sheet.convert("RGB").resize((64, 64)).getcolors(4096)) > 100


def test_the_sample_is_credited(listing):
    listing("--sheet", "sheet.html")
    assert "danielbuechele, CC BY 2.0" in Path("sheet.html").read_text(encoding="utf-8")


def test_a_version_without_styles(impasto, shelf):
    for path in shelf.iterdir():
        path.unlink()
    result = impasto("styles")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no trained styles ship with this version" in result.stderr
    assert json.loads(impasto("styles", "--json").stdout) == []
    assert impasto("styles", "--sheet", "sheet.html").exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "code", "fragment"),
    [
        (["--sheet", "sheet.pdf"], 2, "sheet.pdf must end in .html, .png or .jpg"),
        (["--sheet", "none/sheet.png"], 1, "there is no folder"),
        (["--sheet", "sheet.png", "--photo", "none.jpg"], 1, "none.jpg does not exist"),
        (["wvae"], 2, "did you mean wave?"),
        (["none.jpg"], 2, "there is no file none.jpg"),
    ],
)
def test_bad_input_gets_one_line(impasto, workshop, shelf, arguments, code, fragment):
    result = impasto("styles", *arguments)
    assert result.exit_code == code, result.stderr
    assert result.stderr.startswith("error: ")
    assert fragment in result.stderr
    assert not list(workshop.glob("sheet*"))

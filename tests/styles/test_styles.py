"""The styles that ship, by name, and cards of one's own, by file."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from impasto import networks, styles
from impasto.errors import ImageError, UsageError, WeightsError
from impasto.networks.card import Card, save_card
from impasto.weights import load_metadata


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of shipped cards, with two in it, beside the current folder."""
    folder, here = tmp_path / "shelf", tmp_path / "here"
    here.mkdir()
    network = networks.build("light", channels=(8, 8), blocks=(0, 1, 0), last_channels=8)
    card = Card("light", network.config, network.state_dict())
    for name in ("starry-night", "great-wave"):
        save_card(replace(card, style=name), folder / f"{name}.safetensors")
    monkeypatch.setattr("impasto.styles._CARDS", folder)
    monkeypatch.chdir(here)
    return folder


def test_shipped_cards_by_name(shelf):
    assert list(styles.cards()) == ["great-wave", "starry-night"]
    assert styles.load("great-wave").style == "great-wave"


def test_cards_by_file(shelf):
    (shelf / "great-wave.safetensors").rename("mine.safetensors")
    for style in (Path("mine.safetensors"), "mine.safetensors", str(Path("mine.safetensors").absolute())):
        assert styles.load(style).style == "great-wave"


def test_a_shipped_name_wins_over_a_folder(shelf):
    Path("starry-night").mkdir()
    assert styles.load("starry-night").style == "starry-night"


def test_published_checkpoints(shelf):
    torch.save(networks.build("transformer_net").state_dict(), "mosaic.pth")
    assert (styles.load("mosaic.pth").network, styles.load("mosaic.pth").style) == (
        "transformer_net",
        "mosaic",
    )


@pytest.mark.parametrize(
    ("style", "error", "words"),
    [
        ("stary-nigth", UsageError, "did you mean starry-night\\?.* are great-wave, starry-night"),
        ("Great_Wave", UsageError, "did you mean great-wave"),
        ("xyz", UsageError, "no style xyz: the shipped ones are great-wave"),
        ("grate-wave.safetensors", WeightsError, "no style card grate-wave.safetensors.*mean great-wave"),
        ("none.pth", WeightsError, "no style card none.pth"),
        ("wave.jpg", ImageError, "wave.jpg has 4 x 4 pixels; a style needs at least 32"),
        ("none.png", UsageError, "there is no file none.png"),
        ("notes.txt", ImageError, "notes.txt"),
        ("folder", ImageError, "folder is a folder"),
        ("weights.safetensors", WeightsError, "weights.safetensors is no style card"),
        ("cut.safetensors", WeightsError, "cut.safetensors"),
        ("new.safetensors", WeightsError, "format 2, newer than this impasto"),
        ("old.safetensors", WeightsError, "unknown format"),
        ("foreign.safetensors", WeightsError, "cannot use: there is no network abacus"),
        ("nan.safetensors", WeightsError, "NaN"),
        ("empty.safetensors", WeightsError, "empty.safetensors"),
    ],
)
def test_what_is_no_style(shelf, style, error, words):
    Image.new("RGB", (4, 4)).save("wave.jpg")
    Path("notes.txt").write_text("x")
    Path("folder").mkdir()
    Path("empty.safetensors").touch()
    whole = shelf / "great-wave.safetensors"
    tensors, metadata = load_file(whole), load_metadata(whole)
    save_file(tensors, "weights.safetensors")
    save_file(tensors, "new.safetensors", metadata | {"format": "2"})
    save_file(tensors, "old.safetensors", metadata | {"format": ""})
    save_file(tensors, "foreign.safetensors", metadata | {"network": "abacus"})
    save_file({name: tensor * torch.nan for name, tensor in tensors.items()}, "nan.safetensors", metadata)
    Path("cut.safetensors").write_bytes(whole.read_bytes()[:-100])
    with pytest.raises(error, match=words):
        styles.load(style)


def test_a_version_without_cards(tmp_path, monkeypatch):
    for room in ("_CARDS", "_TEXTURES"):
        monkeypatch.setattr(f"impasto.styles.{room}", tmp_path / "none")
    assert styles.cards() == {}
    with pytest.raises(UsageError, match="no trained styles ship with this version"):
        styles.load("starry-night")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("starry-night", ("starry-night", 1.0)),
        ("starry-night:0.6", ("starry-night", 0.6)),
        ("card.safetensors:2", ("card.safetensors", 2.0)),
        ("odd:0.5", ("odd:0.5", 1.0)),
        ("odd:0.5:3", ("odd:0.5", 3.0)),
        ("C:\\card.safetensors", ("C:\\card.safetensors", 1.0)),
        ("wave:", ("wave:", 1.0)),
        ("x" * 300 + ":2", ("x" * 300, 2.0)),
    ],
)
def test_weights(shelf, text, expected):
    Path("odd:0.5").touch()
    assert styles.parse(text) == expected


@pytest.mark.parametrize("text", ["wave:-1", "wave:inf", "wave:nan", ":0.5"])
def test_weights_that_are_none(shelf, text):
    with pytest.raises(UsageError, match="the weight of a style"):
        styles.parse(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("great-wave", True),
        ("great-wave:0.4", True),
        ("grate-wave:0.4", True),
        ("card.safetensors", True),
        ("great-wave.safetensors:.5", True),
        ("photo.jpg", False),
        ("none.jpg", False),
        ("odd:0.5", False),
        ("starry-night", False),
        ("*.jpg", False),
        ("C:\\photo.jpg", False),
    ],
)
def test_styles_among_photos(shelf, text, expected):
    for name in ("photo.jpg", "odd:0.5"):
        Path(name).touch()
    Path("starry-night").mkdir()  # of photos
    assert styles.is_style(text) is expected


def test_the_sample_is_small_and_credited():
    with Image.open(styles.sample()) as photo:
        assert photo.width == 320
    assert styles.sample().stat().st_size < 30_000
    notice = Path(__file__).parents[2] / "NOTICE"
    assert "styles/sample.jpg" in notice.read_text()

"""Any picture as a style."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from impasto import styles
from impasto.encoding import encode, encode_file
from impasto.errors import ImageError, WeightsError
from impasto.imaging import io
from impasto.networks.card import load_card, load_primed, save_card
from impasto.networks.mixing import interpolate, lineage


@pytest.fixture
def night() -> Path:
    path = styles.find("swirling-night")
    assert path
    return path


def colors(image: torch.Tensor) -> torch.Tensor:
    return image.flatten(-2).mean(-1).squeeze()


def test_a_picture_lends_its_colors(night, picture):
    photo = picture("coffee", 128)[None]
    painted = encode(night).build()(photo)
    assert painted.shape == photo.shape
    target = colors(io.read(night)[0])
    assert (colors(painted) - target).abs().max() < 0.5 * (colors(photo) - target).abs().max()


def test_styles_differ(night, picture):
    photo = picture("coffee", 96)[None]
    blue, red = encode(night).build()(photo), encode(styles.pictures()["woodblock-sea"]).build()(photo)
    assert (blue - red).abs().mean() > 0.05


def test_the_card(night, tmp_path):
    card = encode(night)
    assert (card.network, card.style) == ("light", "swirling-night")
    save_card(card, tmp_path / "night.safetensors")
    loaded = load_card(tmp_path / "night.safetensors")
    assert loaded.base == card.base
    for name, tensor in loaded.tensors.items():
        assert torch.allclose(tensor, card.tensors[name], atol=1e-3)


def test_the_same_for_every_kind_of_source(night):
    image = Image.open(night).convert("RGB")
    for source in (str(night), image, np.asarray(image)):
        card = encode(source)
        for name, tensor in encode(night).tensors.items():
            assert torch.allclose(card.tensors[name], tensor, atol=2e-3), name


def test_cards_of_pictures_interpolate(night):
    one, other = encode(night), encode(styles.pictures()["woodblock-sea"])
    middle = interpolate([(one, 1.0), (other, 1.0)])
    name = "body.0.first.convolution.conv2d.weight"
    assert torch.allclose(middle.tensors[name], (one.tensors[name] + other.tensors[name]) / 2)


def test_it_interpolates_with_trained_cards_and_with_the_primed_weights(night):
    card = encode(night)
    assert lineage(card) == lineage(styles.load("starry-night")) == lineage(load_primed())


def test_what_is_hidden_does_not_count(night):
    image = Image.open(night).convert("RGB").resize((256, 256))
    framed = Image.new("RGBA", (256, 512), (255, 0, 0, 0))
    framed.paste(image, (0, 128))
    loud = Image.effect_noise((256, 512), 120).convert("RGB")  # no border that is left out
    loud.paste(image, (0, 128))
    plain, hidden, seen = (encode(picture).tensors["last.conv2d.bias"] for picture in (image, framed, loud))
    assert (hidden - plain).norm() < 0.5 * (seen - plain).norm()


def test_a_file_is_encoded_once_until_it_changes(night, tmp_path):
    path = tmp_path / "style.jpg"
    path.write_bytes(night.read_bytes())
    first = encode_file(path)
    assert encode_file(path) is first
    path.write_bytes(styles.pictures()["woodblock-sea"].read_bytes())
    assert encode_file(path) is not first
    with pytest.raises(ImageError, match=r"none\.jpg"):
        encode_file(tmp_path / "none.jpg")


def test_other_networks(night, tmp_path):
    with pytest.raises(WeightsError, match="no weights file"):
        encode(night, network=tmp_path / "none.safetensors")


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (Image.new("RGB", (200, 20), "red"), "has 200 x 20 pixels; a style needs at least 32"),
        (Image.new("RGB", (200, 200), "red"), "one color"),
        (Image.new("RGBA", (200, 200), (255, 0, 0, 0)), "wholly transparent"),
    ],
)
def test_what_shows_no_style(image, words):
    with pytest.raises(ImageError, match=words):
        encode(image)

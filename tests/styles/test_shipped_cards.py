"""The trained styles that ship: complete, small, of one family, and doing what they promise."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from impasto import styles
from impasto.imaging import io
from impasto.imaging.geometry import fit_long_side, resize
from impasto.networks.card import fingerprint, load_primed
from impasto.stylizing import Stylizer

PHOTO = Path(__file__).parents[2] / "examples" / "pictures" / "summer-palace.jpg"
NAMES = sorted(styles.cards())


@pytest.fixture(scope="module")
def photo() -> Tensor:
    image, info = io.read(PHOTO)
    return resize(image[None], fit_long_side(info.size, 200))[0]


def test_the_zoo_has_what_was_promised() -> None:
    assert len(NAMES) >= 15
    assert {"starry-night", "great-wave", "the-scream", "composition-vii"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_cards_say_what_they_are(name: str) -> None:
    assert styles.cards()[name].stat().st_size < 1e6
    card = styles.load(name)
    assert card.style == name
    assert all((card.title, card.artist, card.year, card.origin, card.training_data, card.impasto))
    assert card.licence in ("public domain", "CC0 1.0")
    assert card.options["steps"] > 0
    assert card.scores["held_out_loss"] > 0


@pytest.mark.parametrize("name", NAMES)
def test_cards_are_of_one_family(name: str) -> None:
    primed = load_primed()
    assert primed is not None
    card = styles.load(name)
    assert (card.network, card.config, card.base) == (primed.network, primed.config, fingerprint(primed))


def distance(one: Tensor, other: Tensor) -> float:
    return float((one - other).square().mean())


@pytest.mark.parametrize("name", NAMES)
def test_strength_leads_from_the_photo_to_the_style(name: str, photo: Tensor) -> None:
    none, some, more, full = (
        Stylizer(name, strength, precision="float32").picture(photo) for strength in (0.0, 0.3, 0.6, 1.0)
    )
    assert distance(none, photo) < 0.004
    assert distance(some, photo) > 2 * distance(none, photo)
    assert distance(none, full) > distance(some, full) > distance(more, full)


@pytest.mark.parametrize("name", NAMES)
def test_flat_pictures_get_strokes_and_no_frame(name: str) -> None:
    """A plain sky is not left plain, and its outermost pixels look like those within."""
    painted = Stylizer(name, precision="float32").picture(torch.full((3, 192, 192), 0.7))
    assert float(painted.std((1, 2)).mean()) > 0.02
    for turned in (painted, painted.flip(1), painted.mT, painted.mT.flip(1)):
        shift = turned[:, :2].mean((1, 2)) - turned[:, 4:12].mean((1, 2))
        assert float(shift.abs().max()) < 0.15


def test_starry_night_has_yellow_lights_in_a_blue_night(photo: Tensor) -> None:
    red, _, blue = Stylizer("starry-night", precision="float32").picture(photo)
    assert float((blue - red > 0.1).float().mean()) > 0.3
    assert float((red - blue > 0.1).float().mean()) > 0.02

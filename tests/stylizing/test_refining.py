"""Pictures of networks that painting improves."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from impasto import backbones, styles
from impasto.errors import UsageError
from impasto.imaging.geometry import resize
from impasto.imaging.style import read_style
from impasto.networks.card import Card, load_card
from impasto.perception import Perception
from impasto.styles.mixture import find_pictures
from impasto.stylizing import ImageOptions, Stylizer, stylize_file

Picture = Callable[[str, int], Tensor]
WHERE = {"device": "cpu", "precision": "float32", "runtime": "torch"}


@pytest.fixture(scope="module")
def photo(picture: Picture) -> Tensor:
    return picture("coffee", 96)


def style_error(pictures: Tensor, style: str) -> Tensor:
    """(N,)"""
    perception = Perception(backbones.load("compact"))
    path = styles.find(style)
    assert path is not None
    terms = perception.style_terms(resize(read_style(path)[0][None], (96, 96)))
    return perception.style_error(perception.features(pictures, dict(perception.style_layers)), terms)


def test_a_refined_picture_is_nearer_to_the_style(photo: Tensor) -> None:
    both = torch.stack([photo, photo.flip(2)])
    plain = Stylizer("starry-night", **WHERE).picture(both)
    refined = Stylizer("starry-night", refine=8, **WHERE).picture(both)
    assert refined.shape == both.shape
    assert refined.min() >= 0 and refined.max() <= 1
    assert bool((style_error(refined, "starry-night") < 0.9 * style_error(plain, "starry-night")).all())
    assert (refined - plain).abs().mean() < (plain - both).abs().mean(), (
        "it starts from the network's picture"
    )
    alone = Stylizer("starry-night", refine=8, **WHERE).picture(photo)
    assert (refined[0] - alone).abs().mean() < 0.1 * (plain[0] - alone).abs().mean(), "a batch is its images"


def test_any_picture_is_a_style_to_refine_with(photo: Tensor, draw: Callable[..., Path]) -> None:
    style = draw("style.png", (90, 70))
    plain, refined = (Stylizer(style, refine=n, **WHERE).picture(photo) for n in (0, 4))
    assert (plain - refined).abs().mean() > 2e-4


def test_the_record_tells_it(photo: Tensor) -> None:
    assert Stylizer("starry-night", refine=8, **WHERE).record()["refine"] == 8
    assert "refine" not in Stylizer("starry-night", **WHERE).record()


def test_pictures_of_styles(tmp_path: Path) -> None:
    night, scream = styles.find("starry-night"), styles.find("the-scream")
    assert find_pictures("starry-night:0.6") == [(night, 0.6)]
    assert find_pictures(["starry-night", ("the-scream", 2.0)]) == [(night, 1.0), (scream, 2.0)]
    assert find_pictures(load_card(styles.cards()["starry-night"])) == [(night, 1.0)]
    assert find_pictures(tmp_path / "wave.jpg") == [(tmp_path / "wave.jpg", 1.0)]
    for style in (tmp_path / "mine.safetensors", Card("light", {}, {}, style="mine")):
        with pytest.raises(UsageError, match=r"the style .*mine.* has no picture here"):
            find_pictures(style)


def test_what_cannot_be_refined(tmp_path: Path, draw: Callable[..., Path]) -> None:
    mask = draw("mask.png", mode="L")
    with pytest.raises(UsageError, match="refine is for one style all over"):
        Stylizer("starry-night", region={mask: "the-scream"}, refine=4, **WHERE)
    with pytest.raises(UsageError, match="refine must be a whole number from 0"):
        Stylizer("starry-night", refine=-1, **WHERE)
    stylizer = Stylizer("starry-night", refine=4, **WHERE)
    with pytest.raises(UsageError, match="refine is for pictures that are painted whole"):
        stylize_file(draw("photo.png", (200, 150)), tmp_path / "out.png", stylizer, ImageOptions(tile=64))
    assert not (tmp_path / "out.png").exists()

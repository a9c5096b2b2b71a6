"""The last touches, to pictures and to frames."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from impasto import backbones, styles
from impasto.errors import UsageError
from impasto.imaging.color_transfer import keep_color, luma
from impasto.imaging.detail import return_detail
from impasto.imaging.geometry import resize
from impasto.imaging.light import return_light
from impasto.imaging.style import read_style
from impasto.networks.card import Card, load_card
from impasto.perception import Perception
from impasto.styles.mixture import find_pictures
from impasto.stylizing import ImageOptions, Stylizer, finishing, stylize_file
from impasto.stylizing.finishing import FramePostprocessor, Postprocessor
from impasto.stylizing.options import StyleControls
from impasto.stylizing.pixels import as_image, as_pixels
from tests.clips import pan

Picture = Callable[[str, int], Tensor]
WHERE = {"device": "cpu", "precision": "float32", "runtime": "torch"}


@pytest.fixture
def photo(picture):
    return picture("coffee", 64)


@pytest.fixture
def painted(photo):
    """Upside down, and in other colors."""
    return photo.flip(1)[[2, 0, 1]] ** 2


@pytest.fixture
def half(tmp_path):
    Image.fromarray(np.repeat(np.array([[255, 0]], np.uint8), 2, axis=0)).resize((64, 42), 0).save(
        tmp_path / "half.png"
    )
    return tmp_path / "half.png"


def test_nothing_is_nothing(photo, painted):
    for finish in (
        Postprocessor(StyleControls()),
        Postprocessor(StyleControls(keep_color="luminance", keep_color_amount=0)),
    ):
        assert finish.is_nothing
        assert finish.halo == 0
        assert torch.equal(finish(painted, photo), painted)
    frames = as_pixels(photo), as_pixels(painted)
    assert FramePostprocessor(Postprocessor(StyleControls()))(*frames) is frames[1]
    assert Postprocessor(StyleControls(stroke_size=2)).is_nothing  # which is of painting


def test_light_first_then_color_then_detail_then_the_mask(photo, painted, half):
    controls = StyleControls(keep_light=0.5, keep_color="lab-transfer", keep_color_amount=0.7, detail=0.6)
    lit = return_light(painted, photo, 0.5)
    colored = return_detail(keep_color(lit, photo, "lab-transfer", 0.7, seen=(painted, photo)), photo, 0.6)
    finished = Postprocessor(controls, half)(painted, photo)
    torch.testing.assert_close(finished[..., :30], colored[..., :30])
    torch.testing.assert_close(finished[..., 34:], photo[..., 34:])


def test_a_batch_is_its_images(photo, painted, half):
    finish = Postprocessor(StyleControls(keep_color="histogram", detail=0.5), half)
    pictures, photos = torch.stack([painted, photo]), torch.stack([photo, painted])
    expected = torch.stack([finish(painted, photo), finish(photo, painted)])
    torch.testing.assert_close(finish(pictures, photos), expected)


def test_a_part_is_as_in_the_whole(photo, painted, half):
    finish = Postprocessor(StyleControls(keep_color="luminance", detail=1), half)
    expected = finish(painted, photo)
    inner = slice(finish.halo, 40 - finish.halo)
    parts = (image[:, :40, 10:60] for image in (painted, photo))
    found = finish(*parts, size=(photo.shape[1], photo.shape[2]), box=(0, 10, 40, 60))
    torch.testing.assert_close(found[:, : inner.stop, 21:29], expected[:, : inner.stop, 31:39])


def test_the_record(half):
    assert Postprocessor(StyleControls()).record() == {}
    record = Postprocessor(StyleControls(detail=0.5), half).record()
    assert record == {"detail": 0.5, "mask": record["mask"]}
    assert len(record["mask"]) == 16


@pytest.mark.parametrize("how", ["luminance", "histogram", "lab-transfer"])
def test_a_frame_is_its_picture(picture, how):
    photo = picture("coffee", 64)
    painted = photo.flip(1)[[2, 0, 1]] ** 2
    finish = Postprocessor(StyleControls(keep_color=how))
    found = FramePostprocessor(finish)(as_pixels(photo), as_pixels(painted))
    expected = as_pixels(finish(as_image(as_pixels(painted)), as_image(as_pixels(photo))))
    assert np.abs(found.astype(int) - expected).max() <= 1
    assert found.shape == expected.shape


def flashing(count):
    """A photo that stands still, and pictures of it with a lamp that goes on and off."""
    photo = pan(1, (48, 64))[0]
    pictures = []
    for number in range(count):
        picture = (photo[::-1] * 0.7).astype(np.uint8)
        picture[:16, :24] = 255 * (number % 2)
        pictures.append(picture)
    return [photo] * count, pictures


def test_colors_do_not_flicker():
    """What stands still keeps its color, though each frame by itself would give it another."""
    photos, pictures = flashing(24)

    def finished(make):
        frames = [make()(*pair) for pair in zip(photos, pictures, strict=True)]
        return np.array([frame[20:].mean() for frame in frames[12:]])

    finish = Postprocessor(StyleControls(keep_color="histogram"))
    together = FramePostprocessor(finish)
    assert np.ptp(finished(lambda: FramePostprocessor(finish))) > 10
    assert np.ptp(finished(lambda: together)) < 0.5


def test_a_cut_begins_anew():
    photos, pictures = flashing(14)
    dark = [photo // 4 for photo in photos]
    finish = FramePostprocessor(Postprocessor(StyleControls(keep_color="histogram")))
    for photo, picture in zip(photos, pictures, strict=True):
        finish(photo, picture)
    fresh = FramePostprocessor(Postprocessor(StyleControls(keep_color="histogram")))
    np.testing.assert_array_equal(finish(dark[0], pictures[0]), fresh(dark[0], pictures[0]))
    smaller = photos[0][:24], pictures[0][:24]
    np.testing.assert_array_equal(finish(*smaller), FramePostprocessor(fresh._finish)(*smaller))


def test_frames_go_on_from_a_state(monkeypatch):
    monkeypatch.setattr(finishing, "_RECENT", 4)
    photos, pictures = flashing(8)
    whole, first, second = (
        FramePostprocessor(Postprocessor(StyleControls(keep_color="lab-transfer"))) for _ in range(3)
    )
    assert first.state == {}
    second.restore(first.state)
    expected = [whole(*pair) for pair in zip(photos, pictures, strict=True)]
    for pair in zip(photos[:6], pictures[:6], strict=True):
        first(*pair)
    assert first.state["seen_photos"].shape == (4, 48, 64, 3)
    second.restore(first.state)
    found = [second(*pair) for pair in zip(photos[6:], pictures[6:], strict=True)]
    np.testing.assert_array_equal(found, expected[6:])


def test_luminance_is_of_the_picture(photo, painted):
    finished = Postprocessor(StyleControls(keep_color="luminance"))(painted, photo)
    torch.testing.assert_close(luma(finished), luma(painted), atol=1e-5, rtol=0)


@pytest.fixture(scope="module")
def photo_refining(picture: Picture) -> Tensor:
    return picture("coffee", 96)


def style_error(pictures: Tensor, style: str) -> Tensor:
    """(N,)"""
    perception = Perception(backbones.load("compact"))
    path = styles.find(style)
    assert path is not None
    terms = perception.style_terms(resize(read_style(path)[0][None], (96, 96)))
    return perception.style_error(perception.features(pictures, dict(perception.style_layers)), terms)


def test_a_refined_picture_is_nearer_to_the_style(photo_refining: Tensor) -> None:
    both = torch.stack([photo_refining, photo_refining.flip(2)])
    plain = Stylizer("starry-night", **WHERE).picture(both)
    refined = Stylizer("starry-night", refine=8, **WHERE).picture(both)
    assert refined.shape == both.shape
    assert refined.min() >= 0 and refined.max() <= 1
    assert bool((style_error(refined, "starry-night") < 0.9 * style_error(plain, "starry-night")).all())
    assert (refined - plain).abs().mean() < (plain - both).abs().mean(), (
        "it starts from the network's picture"
    )
    alone = Stylizer("starry-night", refine=8, **WHERE).picture(photo_refining)
    assert (refined[0] - alone).abs().mean() < 0.1 * (plain[0] - alone).abs().mean(), "a batch is its images"


def test_any_picture_is_a_style_to_refine_with(photo_refining: Tensor, draw: Callable[..., Path]) -> None:
    style = draw("style.png", (90, 70))
    plain, refined = (Stylizer(style, refine=n, **WHERE).picture(photo_refining) for n in (0, 4))
    assert (plain - refined).abs().mean() > 2e-4


def test_the_record_tells_it(photo_refining: Tensor) -> None:
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
        stylize_file(
            draw("photo_refining.png", (200, 150)), tmp_path / "out.png", stylizer, ImageOptions(tile=64)
        )
    assert not (tmp_path / "out.png").exists()

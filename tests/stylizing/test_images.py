"""One picture file to another."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image

from impasto.errors import ImageError, UsageError
from impasto.imaging import io
from impasto.stylizing import ImageOptions, Stylizer, stylize_file
from impasto.stylizing.images import is_made, make_record


@pytest.fixture
def stylizer(family) -> Stylizer:
    return Stylizer("night", precision="float32", device="cpu")


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "out.png"


def test_the_file_is_the_picture(stylizer, draw, out):
    photo = draw("photo.jpg", (33, 17))
    info = stylize_file(photo, out, stylizer)
    assert info.size == (17, 33)
    assert np.asarray(Image.open(out)).tolist() == np.asarray(stylizer(photo)).tolist()
    assert [path.name for path in out.parent.glob("*.png")] == ["out.png"]


def test_exif_stays_and_the_picture_is_upright(stylizer, draw, tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Artist], exif[ExifTags.Base.Orientation] = "Ana", 8
    photo = draw("turned.jpg", exif=exif)
    stylize_file(photo, tmp_path / "kept.jpg", stylizer)
    stylize_file(photo, tmp_path / "bare.jpg", stylizer, ImageOptions(strip_metadata=True))
    with Image.open(tmp_path / "kept.jpg") as kept, Image.open(tmp_path / "bare.jpg") as bare:
        assert kept.size == bare.size == (30, 40)
        assert kept.getexif()[ExifTags.Base.Artist] == "Ana"
        assert ExifTags.Base.Orientation not in kept.getexif()
        assert dict(bare.getexif()) == {}
    assert io.read_record(tmp_path / "bare.jpg") is None


def test_sixteen_bits(stylizer, draw, out):
    stylize_file(draw("photo.png"), out, stylizer, ImageOptions(bit_depth=16))
    image, info = io.read(out)
    assert info.bit_depth == 16
    assert ((image * 255 - (image * 255).round()).abs() > 0.1).any()


@pytest.mark.parametrize("tile", ["off", 64])
def test_the_depth_of_the_photo_is_kept_where_the_format_can(stylizer, tmp_path, tile):
    deep, options = tmp_path / "deep.tif", ImageOptions(tile=tile)
    io.write(deep, torch.rand(3, 70, 90), bit_depth=16)
    assert stylize_file(deep, tmp_path / "a.tif", stylizer, options).notes == ()
    assert io.read(tmp_path / "a.tif")[1].bit_depth == 16
    (note,) = stylize_file(deep, tmp_path / "a.jpg", stylizer, options).notes
    assert "16 bits per channel" in note
    assert "a.jpg only 8" in note
    stylize_file(deep, tmp_path / "b.png", stylizer, ImageOptions(tile=tile, bit_depth=8))
    assert io.read(tmp_path / "b.png")[1].bit_depth == 8


def test_alpha_stays_or_is_laid_over_white(stylizer, draw, out):
    photo = draw("clear.png", mode="RGBA")
    stylize_file(photo, out, stylizer)
    stylize_file(photo, out.with_suffix(".jpg"), stylizer)
    with Image.open(out) as picture, Image.open(photo) as original:
        assert picture.getchannel("A").tobytes() == original.getchannel("A").tobytes()
    assert np.asarray(Image.open(out.with_suffix(".jpg")))[:, 0].min() > 240


def test_size_is_the_long_side(stylizer, draw, out):
    for mode, side in (("RGBA", 20), ("RGB", 64)):
        stylize_file(draw("photo.png", mode=mode), out, stylizer, ImageOptions(size=side))
        with Image.open(out) as picture:
            assert (picture.size, picture.mode) == ((side, side * 3 // 4), mode)


def test_quality(stylizer, draw, out):
    sizes = []
    for quality in (20, 95):
        stylize_file(draw("p.png"), out.with_suffix(".jpg"), stylizer, ImageOptions(quality=quality))
        sizes.append(out.with_suffix(".jpg").stat().st_size)
    assert sizes[0] < 0.8 * sizes[1]


def test_the_record_tells_how_it_was_made(family, stylizer, draw, out):
    photo, options = draw("photo.png"), ImageOptions(size=32)
    stylize_file(photo, out, stylizer, options)
    record = json.loads(io.read_record(out))
    assert record["impasto"]
    assert (record["strength"], record["size"]) == (1.0, 32)
    assert record["styles"][0]["style"] == "night"
    assert len(record["styles"][0]["card"]) == 16

    def expected(stylizer=stylizer, photo=photo, options=options):
        return make_record(photo, stylizer.record(), options)

    assert is_made(out, expected()) is True
    for other in (
        expected(Stylizer("wave")),
        expected(Stylizer("night", 0.5)),
        expected(Stylizer([("night", 1), ("wave", 1)])),
        expected(photo=draw("other.png", (41, 30))),
        expected(options=ImageOptions()),
        expected(options=ImageOptions(size=32, quality=90)),
    ):
        assert is_made(out, other) is False
    assert is_made(photo, expected()) is None
    text = out.with_name("text.png")
    text.write_text("no picture")
    assert is_made(text, expected()) is None
    io.write(out, torch.zeros(3, 4, 4), record=100_000 * "[")
    assert is_made(out, expected()) is None


@pytest.mark.parametrize(
    ("photo", "target", "options", "error", "words"),
    [
        ("none.jpg", "out.png", {}, ImageError, "none.jpg does not exist"),
        ("photo.png", "out.gif", {}, UsageError, "out.gif"),
        ("photo.png", "none/out.png", {}, ImageError, "no folder"),
        ("photo.png", "out.jpg", {"bit_depth": 16}, UsageError, "16 bits"),
        ("photo.png", "out.png", {"max_pixels": 100}, ImageError, "max_pixels"),
    ],
)
def test_nothing_is_written_where_something_is_wrong(
    stylizer, draw, tmp_path, photo, target, options, error, words
):
    folder = draw("photo.png").parent
    with pytest.raises(error, match=words):
        stylize_file(folder / photo, tmp_path / target, stylizer, ImageOptions(**options))
    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize(
    "options", [{"size": 0}, {"bit_depth": 12}, {"quality": 0}, {"quality": 101}, {"max_pixels": 0}]
)
def test_options_that_cannot_be(options):
    with pytest.raises(UsageError, match=next(iter(options))):
        ImageOptions(**options)

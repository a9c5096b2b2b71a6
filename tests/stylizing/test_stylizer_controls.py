"""Stylizers with controls, masks and regions: pictures, frames and tiles."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

import impasto
from impasto.errors import ImageError, UsageError
from impasto.imaging import io
from impasto.imaging.geometry import resize
from impasto.imaging.masks import read_mask
from impasto.imaging.sources import Planes
from impasto.stylizing import ImageOptions, Stylizer, collect, stylize_all, stylize_file, tiles
from impasto.stylizing.finishing import Postprocessor
from impasto.stylizing.options import StyleControls
from impasto.stylizing.pixels import as_image, as_pixels
from impasto.stylizing.tiles import Tiler


@pytest.fixture
def photo(picture):
    return picture("coffee", 150)  # 150 x 100


@pytest.fixture
def masks(tmp_path):
    """left and top, soft at their edges."""
    down, across = np.mgrid[:50, :60]
    for name, place, middle in (("left", across, 30), ("top", down, 20)):
        levels = np.clip((middle - place) / 8 + 0.5, 0, 1) * 255
        Image.fromarray(levels.astype(np.uint8)).save(tmp_path / f"{name}.png")
    return {name: tmp_path / f"{name}.png" for name in ("left", "top")}


def exact(*arguments, **options):
    return Stylizer(*arguments, precision="float32", device="cpu", runtime="torch", **options)


def plain(card, image):
    return card.build()(image[None])[0].clamp(0, 1)


def same(one, other, within=1e-4):
    torch.testing.assert_close(one, other, atol=within, rtol=0)


# --- pictures -----------------------------------------------------------------------------------------------


def test_the_last_touches_are_of_the_finish(family, photo, masks):
    controls = {"keep_color": "histogram", "keep_color_amount": 0.8, "detail": 0.5}
    expected = Postprocessor(StyleControls(**controls), masks["left"])(plain(family["night"], photo), photo)
    same(exact("night", mask=masks["left"], **controls).picture(photo), expected)
    door = impasto.load("night", mask=masks["left"], device="cpu", precision="float32", **controls)
    same(door.picture(photo), expected)


def test_pictures_as_styles_keep_the_light_of_photos(family, photo, masks):
    """Trained styles only where it is asked for."""
    picture = impasto.styles.pictures()["swirling-night"]
    bare = exact(picture, keep_light=0).picture(photo)
    expected = Postprocessor(StyleControls(keep_light=0.75))(bare, photo)
    same(exact(picture).picture(photo), expected)
    assert (expected - bare).abs().max() > 0.05
    assert exact(picture).record()["keep_light"] == 0.75
    assert "keep_light" not in exact("night").record()
    assert "keep_light" not in exact("night", region={masks["left"]: picture}).record()
    assert exact("night", keep_light=0.4).record()["keep_light"] == 0.4


@pytest.mark.parametrize(("strokes", "seen"), [(2.0, (50, 75)), (0.5, (200, 300)), (1.7, (59, 88))])
def test_strokes_are_of_a_photo_made_smaller(family, photo, strokes, seen):
    small = resize(photo[None], seen)[0]
    expected = resize(plain(family["night"], small)[None], (100, 150))[0]
    same(exact("night", stroke_size=strokes).picture(photo), expected)


@pytest.mark.parametrize(("size", "seen"), [((1, 1), (1, 1)), ((20, 90), (16, 72)), ((64, 70), (16, 18))])
def test_a_photo_stays_large_enough_for_strokes(family, size, seen):
    stylizer = exact("night", stroke_size=4)
    assert stylizer.seen_size(size) == seen
    assert stylizer.picture(torch.rand(3, *size)).shape == (3, *size)


def test_regions_have_their_styles(family, photo, masks):
    night, wave = plain(family["night"], photo), plain(family["wave"], photo)
    mask, _ = read_mask(masks["left"], (100, 150))
    both = exact("night", region={masks["left"]: "wave"})
    same(both.picture(photo), mask * wave + (1 - mask) * night)
    pairs = [(Image.open(masks["left"]), "wave")]
    same(exact("night", region=pairs).picture(photo), both.picture(photo))
    assert both.name == "wave | night"
    assert [note for note in both.notes if "resized" in note]
    mixed = exact(None, region={masks["left"]: ["wave:1", "night:1"], masks["top"]: family["stranger"]})
    assert mixed.picture(photo).shape == photo.shape
    assert [note for note in mixed.notes if "overlap" in note]
    assert [note for note in mixed.notes if "leave" in note and "nearest" in note]


def test_a_region_without_a_base_takes_all_and_says_so(family, photo, masks):
    alone = exact(None, region={masks["left"]: "wave"})
    for painted in (alone.picture(photo), as_image(alone.frame(as_pixels(photo)))):
        same(painted, plain(family["wave"], photo), 1 / 255)
    assert [note for note in alone.notes if "leave" in note and "nearest" in note], alone.notes


def test_strength_and_mask_hold_for_regions(family, photo, masks):
    stylizer = exact("night", 0.0, region={masks["top"]: family["stranger"]}, mask=masks["left"])
    top, _ = read_mask(masks["top"], (100, 150))
    left, _ = read_mask(masks["left"], (100, 150))
    painted = top * photo + (1 - top) * plain(family["primed"], photo)
    same(stylizer.picture(photo), torch.lerp(photo, painted, left))


def test_what_is_not_seen_is_not_painted(family, photo, tmp_path, monkeypatch):
    Image.new("L", (10, 10), 255).save(tmp_path / "all.png")
    stylizer = exact("night", region={tmp_path / "all.png": "wave"})
    monkeypatch.setattr(stylizer.ensembles[1], "picture", None)
    same(stylizer.picture(photo), plain(family["wave"], photo))


def test_batches_and_alpha(family, photo, masks):
    stylizer = exact(
        "night", region={masks["top"]: "wave"}, mask=masks["left"], detail=1, keep_color="histogram",
        stroke_size=1.5,
    )  # fmt: skip
    batch = torch.stack([photo, photo.flip(2)])
    same(stylizer.picture(batch), torch.stack([stylizer.picture(image) for image in batch]))
    alpha = torch.ones(1, 100, 150)
    alpha[..., :70] = 0
    black, white = (torch.where(alpha > 0, photo, torch.full_like(photo, level)) for level in (0.0, 1.0))
    same(stylizer.picture(black, alpha), stylizer.picture(white, alpha))


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"style": None}, UsageError, "needs a style, or regions"),
        ({"style": "night", "detail": 2}, UsageError, "detail must be from 0 to 1"),
        ({"style": "night", "mask": "none.png"}, ImageError, "none.png does not exist"),
        ({"style": None, "region": {"none.png": "night"}}, ImageError, "none.png does not exist"),
        ({"style": "night", "mask": 7}, UsageError, "a picture is a path"),
    ],
)
def test_what_cannot_be(family, arguments, error, words):
    with pytest.raises(error, match=words):
        Stylizer(**arguments)


# --- frames -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("controls", "within"),
    [
        ({"keep_color": "luminance"}, 3),
        ({"keep_color": "histogram"}, 8),  # whose colors are taken from some of its pixels
        ({"stroke_size": 2.0}, 3),
        ({"detail": 1.0}, 3),
        ({"keep_light": 1.0}, 8),  # as the histogram's
    ],
)
@pytest.mark.parametrize("regions", [False, True])
def test_a_frame_is_its_picture(family, photo, masks, controls, within, regions):
    region = {masks["top"]: "wave"} if regions else {}
    stylizer = exact("night", region=region, mask=masks["left"], **controls)
    frame = as_pixels(photo)
    expected = as_pixels(stylizer.picture(as_image(frame)))
    difference = np.abs(stylizer.frame(frame).astype(int) - expected)
    assert difference.max() <= within
    assert difference.mean() < within / 5


# --- tiles --------------------------------------------------------------------------------------------------


def in_tiles(stylizer, planes, side=64):
    """(3, H, W) of levels."""
    bands = list(Tiler(stylizer, side).bands(Planes(planes)))
    return torch.from_numpy(np.concatenate(bands).transpose(2, 0, 1)[:3].astype(np.float32))


@pytest.mark.parametrize(
    "controls",
    [
        {"keep_color": "luminance"},
        {"keep_color": "histogram"},
        {"keep_color": "lab-transfer", "keep_color_amount": 0.6},
        {"detail": 1.0},
        {"keep_light": 0.8},
        {"keep_light": 1.0, "keep_color": "lab-transfer", "detail": 0.5},
        {"stroke_size": 2.0},
        {"stroke_size": 0.7, "detail": 0.5, "keep_color": "luminance"},
    ],
)
@pytest.mark.parametrize("regions", [False, True])
@pytest.mark.parametrize("is_clear", [False, True])
def test_tiles_are_the_picture(family, picture, masks, controls, regions, is_clear):
    photo = picture("coffee", 231)
    alpha = torch.ones(1, *photo.shape[1:])
    alpha[..., :60] = 0 if is_clear else 1
    more = {"region": {masks["top"]: "wave"}, "mask": masks["left"]} if regions else {}
    stylizer = exact("night", **more, **controls)
    whole = stylizer.picture(photo, alpha if is_clear else None).mul(255).round()
    tiled = in_tiles(stylizer, torch.cat([photo, alpha]) if is_clear else photo)
    assert (tiled - whole).abs().max() <= 1


def test_colors_of_a_large_picture_are_those_of_crops(family, picture, monkeypatch):
    monkeypatch.setattr(tiles, "WHOLE_BYTES", 1000)
    monkeypatch.setattr(tiles, "_CROP", 64)
    photo = picture("coffee", 300)
    stylizer = exact("night", keep_color="histogram")
    one, many = in_tiles(stylizer, photo, 400), in_tiles(stylizer, photo, 64)
    assert (one - many).abs().max() <= 1
    means = (one.mean((1, 2)) / 255 - photo.mean((1, 2))).abs()
    assert means.max() < 0.05


# --- files --------------------------------------------------------------------------------------------------


def test_what_was_made_otherwise_is_known(family, draw, masks, tmp_path):
    items = collect([draw("p.png", (60, 40))], tmp_path / "out.png")

    def outcome(**options):
        summary = stylize_all(items, exact("night", **options))
        return "done" if summary.done else "skipped" if summary.skipped else "kept"

    assert outcome() == "done"
    assert json.loads(io.read_record(tmp_path / "out.png")).keys().isdisjoint({"detail", "mask", "regions"})
    assert outcome() == outcome(keep_color="none", stroke_size=1.0) == "skipped"
    for options in ({"detail": 0.5}, {"keep_color": "luminance"}, {"stroke_size": 2},
                    {"mask": masks["left"]}, {"region": {masks["left"]: "wave"}}):  # fmt: skip
        assert outcome(**options) == "kept"
    stylize_file(items[0].source, tmp_path / "out.png", exact("night", mask=masks["left"]))
    assert outcome(mask=masks["left"]) == "skipped"
    assert outcome(mask=masks["top"]) == "kept"


def test_a_file_in_tiles_is_the_file(family, draw, masks, tmp_path):
    stylizer = exact("night", mask=masks["left"], detail=0.5, keep_color="luminance", stroke_size=2)
    photo = draw("p.png", (190, 141), "RGBA")
    for name, tile in (("whole.png", "off"), ("tiled.png", 64)):
        stylize_file(photo, tmp_path / name, stylizer, ImageOptions(tile=tile))
    pictures = [np.asarray(Image.open(tmp_path / name), int) for name in ("whole.png", "tiled.png")]
    assert np.abs(pictures[0] - pictures[1]).max() <= 1


def test_a_streamed_photo_is_read_once_for_its_tiles(family, draw, masks, tmp_path, monkeypatch):
    pytest.importorskip("pyvips")
    from impasto.imaging.sources import Streamed

    monkeypatch.setattr(tiles, "WHOLE_BYTES", 1000)
    monkeypatch.setattr(tiles, "_CROP", 32)
    stylizer = exact("night", mask=masks["left"], detail=0.5, keep_color="histogram", stroke_size=2)
    photo, options = draw("p.png", (390, 281)), ImageOptions(tile=64)
    stylize_file(photo, tmp_path / "read.tif", stylizer, options)
    starts, start = [], Streamed._start
    monkeypatch.setattr(Streamed, "_start", lambda self: starts.append(1) or start(self))
    monkeypatch.setattr(io, "MAX_PIXELS", 1000)
    stylize_file(photo, tmp_path / "streamed.tif", stylizer, options)
    assert len(starts) == 2  # once before, for what tiles have in common
    pictures = [np.asarray(Image.open(tmp_path / f"{name}.tif")) for name in ("read", "streamed")]
    assert np.array_equal(*pictures)

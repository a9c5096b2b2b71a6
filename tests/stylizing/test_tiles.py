"""Pictures in tiles: no seam, any size, little memory."""

import json
from math import prod
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image
from torch import Tensor

from impasto.errors import ImageError, MemoryLimitError, UsageError
from impasto.imaging import io
from impasto.imaging.sources import Planes
from impasto.stylizing import (
    BulkOptions,
    ImageOptions,
    Stylizer,
    collect,
    stylize_all,
    stylize_file,
)
from impasto.stylizing import tiles as module
from impasto.stylizing.batch.inputs import Item
from impasto.stylizing.estimate import peak_in_tiles, peak_whole
from impasto.stylizing.images import plan
from impasto.stylizing.options import LEAST_TILE
from impasto.stylizing.tiles import Tiler, make_tiler


def exact(*arguments, **options):
    return Stylizer(*arguments, precision="float32", device="cpu", runtime="torch", **options)


@pytest.fixture
def stylizer(family) -> Stylizer:
    return exact("night")


@pytest.fixture
def photo(picture) -> Tensor:
    return picture("coffee", 331)  # 331 x 221: divisible by nothing that a network halves


@pytest.fixture
def scarce(monkeypatch):
    """As if pictures of a few pixels were large."""
    monkeypatch.setattr(module, "WHOLE_BYTES", 1000)
    monkeypatch.setattr(module, "_TILE_BYTES", 1000)


def in_tiles(stylizer, planes, side, bit_depth=8):
    """(3 or 4, H, W) of levels."""
    bands = list(Tiler(stylizer, side).bands(Planes(planes), bit_depth))
    assert len(bands) > 1 or side >= planes.shape[1]
    return torch.from_numpy(np.concatenate(bands).transpose(2, 0, 1).astype(np.float32))


def levels(picture, top=255):
    return picture.mul(top).round()


# --- no seam ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [64, 72, 150, 320])
def test_tiles_are_the_picture(stylizer, photo, side):
    """To a level of 255, where statistics are the whole's."""
    difference = (in_tiles(stylizer, photo, side) - levels(stylizer.picture(photo))).abs()
    assert difference.max() <= 1
    assert difference.mean() < 0.01


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_with_the_same_statistics_the_side_does_not_matter(family, photo, scarce, monkeypatch, precision):
    """Those of crops, here."""
    monkeypatch.setattr(module, "_CROP", 64)
    stylizer = Stylizer("night", precision=precision, device="cpu", runtime="torch")
    one, many = in_tiles(stylizer, photo, 400), in_tiles(stylizer, photo, 64)
    assert (one - many).abs().max() <= 1
    assert (one - levels(stylizer.picture(photo))).abs().mean() > 0.02  # statistics are others, though near


@pytest.mark.parametrize("size", [(1, 1), (65, 3), (3, 130), (64, 64), (129, 67)])
def test_any_size(stylizer, size):
    photo = torch.rand(3, *size)
    painted = in_tiles(stylizer, photo, 64)
    assert (painted - levels(stylizer.picture(photo))).abs().max() <= 1


@pytest.mark.parametrize(
    ("styles", "strength"), [(["night", "stranger"], 1.0), (["stranger"], 0.3), (["stranger"], 0.0)]
)
def test_mixtures(family, photo, styles, strength):
    stylizer = exact([family[name] for name in styles], strength)
    painted = in_tiles(stylizer, photo, 104)
    assert (painted - levels(stylizer.picture(photo))).abs().max() <= 1


def test_hidden_colors_have_no_influence(stylizer, photo):
    alpha = torch.ones(1, *photo.shape[1:])
    alpha[..., 70:200] = 0.4
    alpha[..., 200:] = 0
    black, white = (torch.where(alpha > 0, photo, torch.full_like(photo, level)) for level in (0.0, 1.0))
    expected = levels(torch.cat([stylizer.picture(black, alpha), alpha]))
    for colors in (black, white):
        assert (in_tiles(stylizer, torch.cat([colors, alpha]), 72) - expected).abs().max() <= 1
    hidden = torch.cat([photo, torch.zeros_like(alpha)])
    assert (in_tiles(stylizer, hidden, 72)[:3] - levels(stylizer.picture(photo))).abs().max() <= 1


def test_sixteen_bits(stylizer, photo):
    painted = in_tiles(stylizer, photo, 72, bit_depth=16)
    assert (painted - levels(stylizer.picture(photo), 65535)).abs().max() < 30


def test_crops_are_spread_evenly(stylizer, scarce, monkeypatch):
    seen = []

    class Watched(Planes):
        def region(self, top, left, bottom, right):
            seen.append((top, left, bottom, right))
            return super().region(top, left, bottom, right)

    monkeypatch.setattr(module, "_CROP", 32)
    monkeypatch.setattr(module, "_MOST_CROPS", 12)
    next(Tiler(stylizer, 200).bands(Watched(torch.rand(3, 300, 400))))
    crops = [box for box in seen if box[2] - box[0] == 32]
    assert len(crops) == 12
    assert crops == sorted(crops)  # so that a stream is read once
    assert {top for top, *_ in crops} == {34, 134, 234}
    assert {left for _, left, *_ in crops} == {34, 134, 234, 334}


# --- when ---------------------------------------------------------------------------------------------------


def test_when_there_are_tiles(stylizer, monkeypatch):
    per_pixel = stylizer.per_pixel
    side = int((module.WHOLE_BYTES / per_pixel) ** 0.5)
    assert make_tiler(stylizer, (side, side), "auto") is None
    assert make_tiler(stylizer, (side + 2, side + 2), "auto") is not None
    assert make_tiler(stylizer, (side + 2, side + 2), "off") is None
    assert make_tiler(stylizer, (400, 300), 400) is None  # a tile as large as the picture
    assert make_tiler(stylizer, (400, 300), 399).side == 400
    monkeypatch.setattr(module, "available_memory", lambda device: 100 * 100 * per_pixel - 1)
    assert make_tiler(stylizer, (100, 100), "auto") is not None


def test_the_side_fits_the_memory(stylizer, monkeypatch):
    for size, least in ((1 << 20, LEAST_TILE), (100 << 20, 200), (10 << 30, 1280)):
        monkeypatch.setattr(module, "_TILE_BYTES", size)
        tiler = Tiler(stylizer)
        assert least <= tiler.side <= 1280
        assert tiler.side % 8 == 0
        assert tiler.side == LEAST_TILE or tiler.seen((9999, 9999)) * stylizer.per_pixel <= size


@pytest.mark.parametrize("length", [1, 8, 9, 63, 64, 65, 1000])
@pytest.mark.parametrize("step", [1, 8, 24])
def test_cuts(length, step):
    cuts = module._cuts(length, 96, step)
    assert [end for _, end in cuts[:-1]] == [start for start, _ in cuts[1:]]
    assert (cuts[0][0], cuts[-1][1]) == (0, length)
    assert all(start % step == 0 and 0 < end - start <= 96 for start, end in cuts)


@pytest.mark.parametrize("tile", [0, 63, -64, "large", 64.5, None])
def test_tiles_that_cannot_be(tile):
    with pytest.raises(UsageError, match="tile must be"):
        ImageOptions(tile=tile)


def test_too_little_memory_is_told_before_the_work(stylizer, photo, monkeypatch):
    monkeypatch.setattr(module, "available_memory", lambda device: 1000)
    with pytest.raises(MemoryLimitError, match=r"tiles of 136 pixels need about .* GB .*: try tile=68"):
        next(Tiler(stylizer, 136).bands(Planes(photo)))
    with pytest.raises(MemoryLimitError, match="close other programs"):
        next(Tiler(stylizer, 64).bands(Planes(photo)))


def test_memory_that_runs_out_is_told(stylizer, photo, monkeypatch):
    def fail(*arguments):
        raise MemoryError

    monkeypatch.setattr(module, "paint_part", fail)
    with pytest.raises(MemoryLimitError, match="memory ran out with tiles of 136 pixels: try tile=68"):
        next(Tiler(stylizer, 136).bands(Planes(photo)))


# --- files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "mode", "target"),
    [
        ("p.jpg", "RGB", "out.png"),
        ("p.png", "RGBA", "out.png"),
        ("p.png", "RGBA", "out.tif"),
        ("p.gif", "P", "out.tiff"),
        ("p.png", "L", "out.webp"),
    ],
)
@pytest.mark.parametrize("size", [None, 100, 260])
def test_a_file_in_tiles_is_the_file(stylizer, draw, tmp_path, name, mode, target, size):
    photo, options = draw(name, (190, 141), mode), {"size": size, "quality": 100}
    stylize_file(photo, tmp_path / f"a{target}", stylizer, ImageOptions(tile="off", **options))
    info = stylize_file(photo, tmp_path / target, stylizer, ImageOptions(tile=72, **options))
    with Image.open(tmp_path / target) as tiled, Image.open(tmp_path / f"a{target}") as plain:
        assert (tiled.mode, tiled.size) == (plain.mode, plain.size) == (tiled.mode, info.size[::-1])
        difference = np.abs(np.asarray(tiled, np.int16) - np.asarray(plain, np.int16))
        assert difference.max() <= (40 if target.endswith("webp") else 1)
    assert io.read_record(tmp_path / target) != io.read_record(tmp_path / f"a{target}")


def test_what_comes_with_a_photo_stays(stylizer, draw, tmp_path, scarce):
    exif = Image.Exif()
    exif[ExifTags.Base.Artist], exif[ExifTags.Base.Orientation] = "Ana", 6
    photo = draw("turned.jpg", (120, 90), exif=exif)
    for name in ("out.jpg", "out.tif"):
        info = stylize_file(photo, tmp_path / name, stylizer)
        with Image.open(tmp_path / name) as picture:
            assert picture.size == info.size[::-1] == (90, 120)
            assert picture.getexif()[ExifTags.Base.Artist] == "Ana"
            assert ExifTags.Base.Orientation not in picture.getexif()
        assert "tile" not in json.loads(io.read_record(tmp_path / name))
        stylize_file(photo, tmp_path / name, stylizer, ImageOptions(strip_metadata=True))
        assert io.read_record(tmp_path / name) is None


def test_beyond_the_limit_a_tiff_is_streamed(stylizer, draw, tmp_path, scarce, monkeypatch):
    photo = draw("p.png", (190, 141))
    stylize_file(photo, tmp_path / "read.tif", stylizer)
    monkeypatch.setattr(io, "MAX_PIXELS", 1000)
    monkeypatch.setattr("impasto.stylizing.images.open_large", None)
    stylize_file(photo, tmp_path / "streamed.tif", stylizer)
    pictures = [np.asarray(Image.open(tmp_path / f"{name}.tif")) for name in ("read", "streamed")]
    assert np.array_equal(*pictures)
    with pytest.raises(ImageError, match=r"26,790 pixels, more than the limit of 1,000 .* write a \.tif"):
        stylize_file(photo, tmp_path / "out.png", stylizer)
    with pytest.raises(ImageError, match="limit of 20,000"):
        monkeypatch.undo()
        stylize_file(photo, tmp_path / "out.tif", stylizer, ImageOptions(max_pixels=20_000, tile=64))


def test_a_large_photo_among_small_ones(family, draw, tmp_path, scarce, monkeypatch):
    """In its turn, and never as floats."""
    monkeypatch.setattr(module, "WHOLE_BYTES", 100 * 100 * exact("night").per_pixel)
    for name, size in (("a.png", (40, 30)), ("b.png", (200, 150)), ("c.png", (40, 30)), ("d.jpg", (180, 90))):
        draw(name, size)
    whole, events = io.read, []

    def read(path, **options):
        assert Path(path).stem in "ac"
        return whole(path, **options)

    monkeypatch.setattr(io, "read", read)
    items = collect([tmp_path / "photos"], tmp_path / "out")
    summary = stylize_all(items, exact("night"), BulkOptions(), events.append)
    assert (summary.done, summary.failed) == (4, [])
    assert [event.item.target.name for event in events] == ["a.png", "b.png", "c.png", "d.jpg"]
    assert [event.size for event in events] == [(30, 40), (150, 200), (30, 40), (90, 180)]
    again = stylize_all(items, exact("night"), BulkOptions())
    assert again.skipped == 4


def test_a_huge_photo_made_small(stylizer, draw, tmp_path, monkeypatch):
    monkeypatch.setattr("impasto.stylizing.images._MOST_FLOATS", 1000)
    monkeypatch.setattr(io, "read", None)
    for mode in ("RGB", "RGBA"):
        stylize_file(draw("p.png", (190, 141), mode), tmp_path / "o.png", stylizer, ImageOptions(size=50))
        with Image.open(tmp_path / "o.png") as picture:
            assert (picture.size, picture.mode) == ((50, 37), mode)


# --- what it takes ------------------------------------------------------------------------------------------


def test_the_plan_tells_size_tile_and_memory(stylizer, draw, tmp_path):
    item = Item(draw("p.png", (200, 150)), tmp_path / "out.png")
    per_pixel = stylizer.per_pixel
    small = plan(item, stylizer, ImageOptions())
    assert (small.size, small.tile, small.memory) == ((150, 200), None, peak_whole(200 * 150, per_pixel))
    tiled = plan(item, stylizer, ImageOptions(tile=100, size=400))
    assert (tiled.size, tiled.tile) == ((300, 400), 104)
    assert plan(item, stylizer, ImageOptions(size=3000)).memory > small.memory
    with pytest.raises(ImageError, match=r"none\.png does not exist"):
        plan(Item(tmp_path / "none.png", tmp_path / "o.png"), stylizer, ImageOptions())


def test_memory_in_tiles_does_not_grow_with_a_streamed_picture():
    def peak(side, **how):
        return peak_in_tiles(prod((side, side)), 130, sampled=4_000_000, seen=2_000_000, **how)

    assert peak(5_000, held=False, collected=False) == peak(50_000, held=False, collected=False)
    grown = peak(10_000, held=True, collected=True) - peak(10_000, held=False, collected=False)
    assert 3 * 10**8 < grown < 12 * 10**8


@pytest.mark.parametrize(("side", "measured"), [(256, 288), (1024, 412), (2048, 715), (2800, 984)])
def test_the_estimate_is_near_what_was_measured(side, measured):
    """Megabytes of `impasto stylize` with a shipped style, in bfloat16, which takes 129 bytes a pixel."""
    assert 0.8 < peak_whole(side**2, 129) / 1e6 / measured < 1.25
